// The province's copy of a node's log over gRPC.
#pragma once

#include <memory>
#include <set>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "node/node_config.h"
#include "node/restore.h"

namespace grpc {
class ClientContext;
}  // namespace grpc

namespace tongchou::node {

// Ends the calls that were opened with it, and refuses others. Thread-safe.
class ReadBackStop {
 public:
  void Stop();

 private:
  friend struct ReadBackCall;
  base::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<grpc::ClientContext*> calls_ ABSL_GUARDED_BY(mutex_);
};

// Whether the node has a province and its own certificate to ask it with.
absl::Status CheckReadBack(const NodeConfig& config);

// Connects with the node's certificate and asks for what lies behind the first
// `from_size` entries. FAILED_PRECONDITION when the node has no province;
// UNAVAILABLE when it cannot be reached, or while a node of the city is
// connected. `stop` outlives what comes back.
absl::StatusOr<ReadBackSource> OpenReadBack(const NodeConfig& config,
                                            uint64_t from_size,
                                            ReadBackStop* stop);

}  // namespace tongchou::node
