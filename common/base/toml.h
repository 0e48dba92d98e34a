// Files in TOML: one reader in front of toml11, which reads past its end on
// what is not UTF-8, takes the stack as deep as the text nests, and says what
// is wrong in its own words.
#pragma once

#include <cstddef>
#include <string>
#include <toml.hpp>

#include "absl/status/statusor.h"

namespace tongchou::base {

inline constexpr size_t kTomlBytesMax = 4 << 20;
// Brackets and braces that are open at a time; dots in a key.
inline constexpr int kTomlDepthMax = 32;

// A table. INVALID_ARGUMENT in one line: "NAME:LINE: what; what to do".
absl::StatusOr<toml::value> ParseToml(const std::string& text,
                                      const std::string& name);

}  // namespace tongchou::base
