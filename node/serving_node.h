// A node that serves its log; the part of Node that is taken down while the log
// is brought back.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/ledger/log_store.h"
#include "node/node_config.h"

namespace tongchou::node {

class ServingNode {
 public:
  // As Node::Start. `restore_problem`: why bringing the log back failed for
  // good; it is said with the reason why nothing may be written.
  static absl::StatusOr<std::unique_ptr<ServingNode>> Start(
      const NodeConfig& config, bool rebuild_state,
      std::string restore_problem);
  virtual ~ServingNode() = default;
  virtual int port() const = 0;
  // Whether the guard or the province refuses the log, so that it may be an old
  // copy; nothing is written then.
  virtual bool suspect() const = 0;
  virtual const ledger::LogStore& log() const = 0;
};

}  // namespace tongchou::node
