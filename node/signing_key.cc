#include "node/signing_key.h"

#include <utility>

#include "common/base/key_file.h"
#include "common/base/status.h"

namespace tongchou::node {

absl::StatusOr<ledger::Signer> LoadSigner(const NodeConfig& config) {
  ASSIGN_OR_RETURN(auto key,
                   base::ReadKeyFile(config.signing_key, "tongchou-node"));
  return ledger::Signer(config.Origin(), std::move(key));
}

}  // namespace tongchou::node
