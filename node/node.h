// The whole node, put together from its configuration. When its log turns out
// to be an old copy or a lost one, it takes no writes and brings the log back
// from the province by itself.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "node/node_config.h"

namespace tongchou::node {

class Node {
 public:
  // Returns when the node serves. Errors are one line that says what to do.
  static absl::StatusOr<std::unique_ptr<Node>> Start(const NodeConfig& config,
                                                     bool rebuild_state);
  // Ends calls, commits what was submitted, flushes the state.
  virtual ~Node() = default;
  virtual int port() const = 0;
};

}  // namespace tongchou::node
