#include "audit/policy.h"

#include <charconv>
#include <string_view>
#include <utility>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/toml.h"
#include "common/ledger/checkpoint.h"

namespace tongchou::audit {
namespace {

constexpr size_t kDivisionDigits = 6;

absl::Status CheckKeys(const toml::table& table,
                       std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : table) {
    bool found = false;
    for (const std::string_view key : known) found |= key == name;
    if (!found) {
      return base::InvalidArgumentError("unknown key \"{}\"; remove it", name);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Text(const toml::table& table,
                                 const std::string& name) {
  const auto it = table.find(name);
  if (it == table.end() || !it->second.is_string()) {
    return base::InvalidArgumentError("{} must be there, in quotes", name);
  }
  return it->second.as_string().str;
}

absl::StatusOr<uint32_t> Division(std::string_view text) {
  uint32_t code = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, code);
  if (error != std::errc() || stopped != end ||
      text.size() != kDivisionDigits) {
    return base::InvalidArgumentError(
        "\"{}\" is no division code; write six digits in quotes", text);
  }
  return code;
}

// A list of keys of one type; nothing when it is not there.
absl::StatusOr<std::vector<ledger::VerifierKey>> ReadKeyList(
    const toml::table& table, const std::string& name, ledger::KeyType type) {
  std::vector<ledger::VerifierKey> keys;
  const auto list = table.find(name);
  if (list == table.end()) return keys;
  if (!list->second.is_array()) {
    return base::InvalidArgumentError("{} is a list of keys", name);
  }
  for (const toml::value& one : list->second.as_array()) {
    if (!one.is_string()) {
      return base::InvalidArgumentError("{}: a key stands in quotes", name);
    }
    ASSIGN_OR_RETURN(const ledger::VerifierKey key,
                     ledger::ParseVerifierKey(one.as_string().str));
    if (key.type != type) {
      return base::InvalidArgumentError(
          "{}: {} is no key of a {}", name, key.name,
          type == ledger::KeyType::kCosignature ? "cosigner" : "log");
    }
    keys.push_back(key);
  }
  return keys;
}

absl::Status ReadCity(const toml::value& value, Policy* policy) {
  if (!value.is_table()) {
    return base::InvalidArgumentError("city must be written as [[city]]");
  }
  const toml::table& table = value.as_table();
  RETURN_IF_ERROR(CheckKeys(table, {"code", "key", "later_keys"}));
  ASSIGN_OR_RETURN(const std::string code, Text(table, "code"));
  ASSIGN_OR_RETURN(const std::string key, Text(table, "key"));
  LogPolicy city;
  ASSIGN_OR_RETURN(city.city, Division(code));
  ASSIGN_OR_RETURN(city.key, ledger::ParseVerifierKey(key));
  city.origin = ledger::CityOrigin(policy->province, city.city);
  if (city.key.type != ledger::KeyType::kEd25519 ||
      city.key.name != city.origin) {
    return base::InvalidArgumentError("the key of city {} must be that of {}",
                                      code, city.origin);
  }
  ASSIGN_OR_RETURN(city.later_keys,
                   ReadKeyList(table, "later_keys", ledger::KeyType::kEd25519));
  for (const ledger::VerifierKey& later : city.later_keys) {
    if (later.name == city.origin) continue;
    return base::InvalidArgumentError(
        "the later_keys of city {} must be those of {}", code, city.origin);
  }
  if (!policy->cities.emplace(city.city, std::move(city)).second) {
    return base::InvalidArgumentError("city {} is named twice", code);
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> ReadQuorum(const toml::table& table,
                                    const std::string& name,
                                    const Policy& policy) {
  const auto quorum = table.find(name);
  if (quorum == table.end()) return 0;
  if (!quorum->second.is_integer() || quorum->second.as_integer() < 0 ||
      quorum->second.as_integer() >
          static_cast<int64_t>(policy.witnesses.size())) {
    return base::InvalidArgumentError(
        "{} is a number of 0 to {}, as many as there are witnesses", name,
        policy.witnesses.size());
  }
  return static_cast<uint64_t>(quorum->second.as_integer());
}

absl::Status ReadWitnesses(const toml::table& table, Policy* policy) {
  ASSIGN_OR_RETURN(
      policy->witnesses,
      ReadKeyList(table, "witnesses", ledger::KeyType::kCosignature));
  ASSIGN_OR_RETURN(policy->quorum, ReadQuorum(table, "quorum", *policy));
  ASSIGN_OR_RETURN(policy->city_quorum,
                   ReadQuorum(table, "city_quorum", *policy));
  return absl::OkStatus();
}

absl::StatusOr<Policy> ReadPolicy(const toml::table& table) {
  RETURN_IF_ERROR(
      CheckKeys(table, {"province", "witness", "key", "city", "witnesses",
                        "quorum", "city_quorum", "synthetic_clock"}));
  Policy policy;
  ASSIGN_OR_RETURN(policy.province, Text(table, "province"));
  RETURN_IF_ERROR(Division(policy.province).status());
  ASSIGN_OR_RETURN(const std::string witness, Text(table, "witness"));
  ASSIGN_OR_RETURN(policy.witness, ledger::ParseVerifierKey(witness));
  if (policy.witness.type != ledger::KeyType::kCosignature) {
    return base::InvalidArgumentError("witness is no key of a cosigner");
  }
  ASSIGN_OR_RETURN(const std::string own, Text(table, "key"));
  ASSIGN_OR_RETURN(policy.own.key, ledger::ParseVerifierKey(own));
  policy.own.origin = "tongchou/" + policy.province;
  if (policy.own.key.type != ledger::KeyType::kEd25519 ||
      policy.own.key.name != policy.own.origin) {
    return base::InvalidArgumentError("key must be that of {}",
                                      policy.own.origin);
  }
  RETURN_IF_ERROR(ReadWitnesses(table, &policy));
  const auto clock = table.find("synthetic_clock");
  if (clock != table.end()) {
    if (!clock->second.is_boolean()) {
      return base::InvalidArgumentError("synthetic_clock is true or false");
    }
    policy.synthetic_clock = clock->second.as_boolean();
  }
  const auto cities = table.find("city");
  if (cities == table.end() || !cities->second.is_array()) {
    return base::InvalidArgumentError("there must be a [[city]] for every log");
  }
  for (const toml::value& city : cities->second.as_array()) {
    RETURN_IF_ERROR(ReadCity(city, &policy));
  }
  return policy;
}

}  // namespace

absl::StatusOr<Policy> LoadPolicy(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  ASSIGN_OR_RETURN(const toml::value parsed, base::ParseToml(text, path));
  auto policy = ReadPolicy(parsed.as_table());
  if (!policy.ok()) return base::Annotate(policy.status(), path);
  return policy;
}

}  // namespace tongchou::audit
