// Deterministic authenticated encryption (AES-SIV, RFC 5297): the same text
// becomes the same bytes under one key, and only who has the key gets it back.
// For names that others may hold but not read: pseudonyms, page tokens.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tongchou::base {

inline constexpr size_t kSealerKeyBytes = 32;

// Thread-safe.
class Sealer {
 public:
  // A key of kSealerKeyBytes; `use` keeps what is sealed for one use from being
  // opened for another.
  Sealer(std::string key, std::string use);

  // Sixteen bytes longer than the text, which is not empty.
  std::string Seal(std::string_view text) const;
  // INVALID_ARGUMENT unless Seal with this key and use made it.
  absl::StatusOr<std::string> Open(std::string_view sealed) const;

 private:
  const std::string key_;
  const std::string use_;
};

// The key in a file, in base64. FAILED_PRECONDITION when there is no
// such file: `program` --make-key makes one.
absl::StatusOr<std::string> ReadSealerKey(const std::string& path,
                                          std::string_view program);
absl::Status MakeSealerKey(const std::string& path);

}  // namespace tongchou::base
