#include "common/records/profile.h"

#include <fnmatch.h>

#include "common/base/status.h"
#include "common/base/toml.h"
#include "common/records/schema.h"

namespace tongchou::records {
namespace {

absl::Status Bad(std::string_view where, std::string_view what) {
  return base::InvalidArgumentError("profile: {}: {}", where, what);
}

absl::Status ReadTexts(const std::string& where, const toml::value& value,
                       std::map<std::string, std::string>* out) {
  if (!value.is_table()) return Bad(where, "must be a table of texts");
  for (const auto& [key, text] : value.as_table()) {
    if (!text.is_string()) return Bad(where + "." + key, "must be a text");
    (*out)[key] = text.as_string().str;
  }
  return absl::OkStatus();
}

absl::Status CheckField(const RecordSchema& schema, const std::string& where,
                        const std::string& code) {
  if (schema.Find(code) != nullptr) return absl::OkStatus();
  return Bad(where, fmt::format("{} has no field {}", schema.name, code));
}

absl::Status ReadFiles(const std::string& where, const toml::value& value,
                       std::vector<std::string>* files) {
  if (!value.is_array()) return Bad(where, "must be a list of patterns");
  for (const toml::value& one : value.as_array()) {
    if (!one.is_string()) return Bad(where, "must be a list of patterns");
    files->push_back(one.as_string().str);
  }
  return absl::OkStatus();
}

absl::Status ReadKey(const RecordSchema& schema, const std::string& key,
                     const toml::value& value, TypeProfile* type) {
  const std::string where = schema.name + "." + key;
  if (key == "files") return ReadFiles(where, value, &type->files);
  if (key == "columns") {
    RETURN_IF_ERROR(ReadTexts(where, value, &type->columns));
    for (const auto& [header, code] : type->columns) {
      RETURN_IF_ERROR(CheckField(schema, where, code));
    }
    return absl::OkStatus();
  }
  if (key == "constants") {
    RETURN_IF_ERROR(ReadTexts(where, value, &type->constants));
    for (const auto& [code, text] : type->constants) {
      RETURN_IF_ERROR(CheckField(schema, where, code));
    }
    return absl::OkStatus();
  }
  if (key != "values") return Bad(where, "unknown key");
  if (!value.is_table()) return Bad(where, "must be a table");
  for (const auto& [code, map] : value.as_table()) {
    RETURN_IF_ERROR(CheckField(schema, where, code));
    RETURN_IF_ERROR(ReadTexts(where + "." + code, map, &type->values[code]));
  }
  return absl::OkStatus();
}

absl::Status ReadType(const std::string& name, const toml::value& value,
                      Profile* profile) {
  const RecordSchema* schema = Schema::Get().Find(name);
  if (schema == nullptr || schema->internal || !value.is_table()) {
    return Bad(name, "is no record type that can be imported");
  }
  for (const auto& [key, part] : value.as_table()) {
    RETURN_IF_ERROR(ReadKey(*schema, key, part, &profile->types[name]));
  }
  return absl::OkStatus();
}

}  // namespace

const TypeProfile& Profile::Of(const std::string& type) const {
  static const TypeProfile* const kStandard = new TypeProfile();
  const auto found = types.find(type);
  return found == types.end() ? *kStandard : found->second;
}

absl::StatusOr<Profile> ParseProfile(const std::string& toml_text) {
  Profile profile;
  if (toml_text.empty()) return profile;
  ASSIGN_OR_RETURN(const toml::value root,
                   base::ParseToml(toml_text, "the import profile"));
  for (const auto& [key, value] : root.as_table()) {
    if (key == "encoding" && value.is_string()) {
      profile.encoding = value.as_string().str;
    } else {
      RETURN_IF_ERROR(ReadType(key, value, &profile));
    }
  }
  return profile;
}

std::string TypeOfFile(std::string_view file_name, const Profile& profile) {
  for (const auto& [type, rules] : profile.types) {
    for (const std::string& pattern : rules.files) {
      if (fnmatch(pattern.c_str(), std::string(file_name).c_str(), 0) == 0) {
        return type;
      }
    }
  }
  if (!file_name.ends_with(".csv")) return {};
  std::string_view stem = file_name.substr(0, file_name.size() - 4);
  stem = stem.substr(0, stem.find('-'));
  const RecordSchema* schema = Schema::Get().Find(stem);
  return schema == nullptr || schema->internal ? "" : schema->name;
}

}  // namespace tongchou::records
