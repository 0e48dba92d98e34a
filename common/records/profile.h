// Import profiles: how a city system's own headers and values become those of
// the standard profile. TOML:
//
//   encoding = "gb18030"
//
//   [enrolment]
//   files = ["参保*.csv"]              # besides enrolment.csv, enrolment-*.csv
//   columns = { "身份证号" = "AAC002", "险种" = "AAE140" }
//   constants = { AAB301 = "360102" }  # fields that the file does not have
//   values.AAE140 = { "01" = "110" }   # other values stay as they are
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace tongchou::records {

struct TypeProfile {
  std::vector<std::string> files;              // shell patterns
  std::map<std::string, std::string> columns;  // header to field code
  std::map<std::string, std::string> constants;
  std::map<std::string, std::map<std::string, std::string>> values;
};

struct Profile {
  std::string encoding;  // empty = the default
  std::map<std::string, TypeProfile> types;

  // The type's part; an empty one when there is none.
  const TypeProfile& Of(const std::string& type) const;
};

// INVALID_ARGUMENT names the type, field or key that does not exist.
absl::StatusOr<Profile> ParseProfile(const std::string& toml_text);

// The record type that claims a file: TYPE.csv, TYPE-anything.csv or a pattern
// of the profile. Empty when none does.
std::string TypeOfFile(std::string_view file_name, const Profile& profile);

}  // namespace tongchou::records
