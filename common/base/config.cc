#include "common/base/config.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/toml.h"

namespace tongchou::base {

struct Config::State {
  std::string name;
  toml::value root;
  std::set<std::string> asked;
  absl::Status first_error;

  void Fail(const std::string& key, std::string_view what) {
    if (!first_error.ok()) return;
    first_error = InvalidArgumentError("{}: {}: {}", name, key, what);
  }

  const toml::value* Find(const std::string& key) {
    asked.insert(key);
    const toml::value* at = &root;
    std::istringstream parts(key);
    for (std::string part; std::getline(parts, part, '.');) {
      if (!at->is_table()) return nullptr;
      const auto& table = at->as_table();
      const auto found = table.find(part);
      if (found == table.end()) return nullptr;
      at = &found->second;
    }
    return at;
  }

  // Every leaf that nobody asked for.
  void CheckUnknown(const toml::value& at, const std::string& prefix) {
    for (const auto& [part, value] : at.as_table()) {
      const std::string key = prefix.empty() ? part : prefix + "." + part;
      if (asked.contains(key) && !value.is_table()) continue;
      if (value.is_table()) {
        CheckUnknown(value, key);
      } else {
        Fail(key, "unknown key; see the sample configuration");
      }
    }
  }
};

Config::Config(std::unique_ptr<State> state) : state_(std::move(state)) {}
Config::Config(Config&&) noexcept = default;
Config& Config::operator=(Config&&) noexcept = default;
Config::~Config() = default;

absl::StatusOr<Config> Config::Load(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return Parse(text, path);
}

absl::StatusOr<Config> Config::Parse(const std::string& text,
                                     const std::string& name) {
  auto state = std::make_unique<State>();
  state->name = name;
  ASSIGN_OR_RETURN(state->root, ParseToml(text, name));
  return Config(std::move(state));
}

std::string Config::Text(const std::string& key) {
  const toml::value* value = state_->Find(key);
  if (value == nullptr) {
    state_->Fail(key, "is missing");
  } else if (!value->is_string()) {
    state_->Fail(key, "must be a text in quotes");
  } else {
    return value->as_string().str;
  }
  return {};
}

std::string Config::Path(const std::string& key) {
  const std::string text = Text(key);
  if (text.empty()) return text;
  return (std::filesystem::path(state_->name).parent_path() / text).string();
}

std::string Config::PathOr(const std::string& key) {
  return state_->Find(key) == nullptr ? std::string() : Path(key);
}

std::string Config::TextOr(const std::string& key, std::string fallback) {
  return state_->Find(key) == nullptr ? std::move(fallback) : Text(key);
}

bool Config::BoolOr(const std::string& key, bool fallback) {
  const toml::value* value = state_->Find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) {
    state_->Fail(key, "must be true or false");
    return fallback;
  }
  return value->as_boolean();
}

std::vector<std::string> Config::Names(const std::string& key) {
  std::vector<std::string> names;
  const toml::value* value = state_->Find(key);
  if (value == nullptr) return names;
  if (!value->is_table()) {
    state_->Fail(key, "must be a table");
    return names;
  }
  for (const auto& [name, unused] : value->as_table()) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status Config::Finish() {
  if (state_->first_error.ok()) state_->CheckUnknown(state_->root, "");
  return state_->first_error;
}

absl::Status CheckOutsideData(const std::string& file, const std::string& data,
                              const std::string& sign_guard,
                              std::initializer_list<std::string> keys) {
  const std::string inside = data + "/";
  if (sign_guard.starts_with(inside)) {
    return InvalidArgumentError(
        "{}: sign_guard: must lie outside the data directory, or a restored "
        "backup brings an old guard with it",
        file);
  }
  for (const std::string& key : keys) {
    if (!key.starts_with(inside)) continue;
    return InvalidArgumentError(
        "{}: {}: a key must lie outside the data directory, or it goes into "
        "every backup",
        file, key);
  }
  return absl::OkStatus();
}

}  // namespace tongchou::base
