// Private keys in files.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/ed25519.h"

namespace tongchou::base {

// Makes a key there, unless there is one: others know it by then.
absl::Status MakeKeyFile(const std::string& path);

// FAILED_PRECONDITION when there is no such file: `program` --make-key makes
// one. INVALID_ARGUMENT names the file when it holds no key;
// FAILED_PRECONDITION when others may read it.
absl::StatusOr<Ed25519PrivateKey> ReadKeyFile(const std::string& path,
                                              std::string_view program);

}  // namespace tongchou::base
