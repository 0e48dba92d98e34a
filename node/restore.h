// Brings a node's log back from the province: after a lost disk, or where an
// old copy stands in its place. Of a log that the province's copy continues
// only the missing end is fetched. Nothing is taken that the node's own key did
// not sign; what only the old copy has, and no head ever covered, is added
// again behind it. The log is replaced when all that is done; whatever stops it
// before leaves everything as it was.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "common/ledger/log_store.h"
#include "node/node_config.h"
#include "tongchou/v1/exchange.pb.h"

namespace tongchou::node {

struct RestoreProgress {
  uint64_t entries = 0;  // that have come
  uint64_t size = 0;     // that will
};

struct RestoreSummary {
  uint64_t entries = 0;        // of the province's copy
  uint64_t fetched = 0;        // of these
  bool nothing_to_do = false;  // the log has them all
  uint64_t added_again = 0;    // entries that only the old log had
  std::string old_log;         // where it lies; empty = nothing was kept
  double seconds = 0;
};

// The next message of the province's answer; false behind the last.
using ReadBackSource =
    std::function<absl::StatusOr<bool>(v1::ReadBackResponse*)>;
// Asks for what the province holds behind the first entries.
using ReadBackOpener =
    std::function<absl::StatusOr<ReadBackSource>(uint64_t from_size)>;

// Whether the log is another than the province's copy, or shorter, or knows
// nothing of starts that the province has seen. `refused_as_twin`: the province
// may have seen another start under the number of this one.
absl::StatusOr<bool> NeedsRestore(const NodeConfig& config,
                                  const ledger::LogStore& log,
                                  const ReadBackOpener& open,
                                  bool refused_as_twin);

// Ends what a crash cut off between the old log and the new one, so that either
// is in its place; before a node opens its log.
absl::Status EndReplacement(const NodeConfig& config);

// For a node that does not run. INTERNAL: the disk failed, the old log's too.
// FAILED_PRECONDITION: the node runs; the old log
// or the sign guard has a signed head that the province's copy contradicts (a
// fork) or does not reach. DATA_LOSS: the province's copy is not what this
// node signed.
absl::StatusOr<RestoreSummary> Restore(
    const NodeConfig& config, const ReadBackOpener& open,
    const std::function<void(const RestoreProgress&)>& progress);

}  // namespace tongchou::node
