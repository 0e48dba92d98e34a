// What a city's office is given to join with, as text: whose it is, a secret
// that can be used once, and by what the province is known.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/sha256.h"

namespace tongchou::base {

inline constexpr size_t kJoinSecretBytes = 16;

struct JoinToken {
  uint32_t city = 0;
  std::string secret;  // kJoinSecretBytes
  Hash province;       // SHA-256 of the province's certificate (DER)

  // 68 letters, digits, '-' and '_'.
  std::string ToText() const;
  // INVALID_ARGUMENT unless ToText made it.
  static absl::StatusOr<JoinToken> Parse(std::string_view text);
};

}  // namespace tongchou::base
