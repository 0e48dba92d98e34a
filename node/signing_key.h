// The key with which a node signs its log's heads.
#pragma once

#include "absl/status/statusor.h"
#include "common/ledger/signer.h"
#include "node/node_config.h"

namespace tongchou::node {

// FAILED_PRECONDITION says how to make one when there is none.
absl::StatusOr<ledger::Signer> LoadSigner(const NodeConfig& config);

}  // namespace tongchou::node
