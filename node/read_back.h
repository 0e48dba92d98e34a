// The province's copy of a node's log over gRPC.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "node/node_config.h"
#include "node/restore.h"

namespace tongchou::node {

// Connects with the node's certificate. FAILED_PRECONDITION when the node has
// no province; UNAVAILABLE when it cannot be reached.
absl::StatusOr<ReadBackSource> OpenReadBack(const NodeConfig& config);

}  // namespace tongchou::node
