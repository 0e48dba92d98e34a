#include "node/signing_key.h"

#include "common/base/file.h"
#include "common/base/status.h"

namespace tongchou::node {

absl::StatusOr<ledger::Signer> LoadSigner(const NodeConfig& config) {
  const auto pem = base::ReadFile(config.signing_key);
  if (!pem.ok()) {
    return base::FailedPreconditionError(
        "{}; make one with tongchou-node --make-key",
        base::Message(pem.status()));
  }
  auto key = base::Ed25519PrivateKey::FromPem(*pem);
  if (!key.ok()) return base::Annotate(key.status(), config.signing_key);
  return ledger::Signer(config.Origin(), *std::move(key));
}

}  // namespace tongchou::node
