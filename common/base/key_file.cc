#include "common/base/key_file.h"

#include "common/base/file.h"
#include "common/base/status.h"

namespace tongchou::base {

absl::Status MakeKeyFile(const std::string& path) {
  if (FileExists(path)) return absl::OkStatus();
  return WritePrivateFileDurably(path, Ed25519PrivateKey::Generate().ToPem());
}

absl::StatusOr<Ed25519PrivateKey> ReadKeyFile(const std::string& path,
                                              std::string_view program) {
  const auto pem = ReadFile(path);
  if (!pem.ok()) {
    return FailedPreconditionError("{}; make one with {} --make-key",
                                   Message(pem.status()), program);
  }
  RETURN_IF_ERROR(CheckPrivate(path));
  auto key = Ed25519PrivateKey::FromPem(*pem);
  if (!key.ok()) return Annotate(key.status(), path);
  return key;
}

}  // namespace tongchou::base
