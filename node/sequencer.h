// The one writer of a node's log. It collects what clients submit into a group
// commit, gives every change its place and its link to the past, writes once,
// synchronously, and answers. Nothing waits to fill a group: a lone change
// commits at once, groups form only while a write is under way.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/ledger/log_store.h"
#include "node/change.h"
#include "node/commit_clock.h"
#include "node/record_index.h"

namespace tongchou::node {

// Changes waiting for the writer; Submit blocks above it.
inline constexpr size_t kQueuedChangesMax = 32'768;
// Changes of one group commit, unless one transaction alone has more.
inline constexpr size_t kGroupChangesMax = 16'384;

struct SequencerOptions {
  // Not empty: salts come from it and the sequence, so that the same input
  // gives the same log. Synthetic nodes only.
  std::string synthetic_seed;
  // Why nothing may be written now; empty = it may.
  std::function<std::string()> read_only_reason;
  // Called after every commit with the log's size; must not block.
  std::function<void(uint64_t)> committed;
};

// Thread-safe.
class Sequencer {
 public:
  static std::unique_ptr<Sequencer> Start(SequencerOptions options,
                                          ledger::LogStore* log,
                                          RecordIndex* index,
                                          const CommitClock* clock);
  // Finishes what was submitted.
  virtual ~Sequencer() = default;

  // FAILED_PRECONDITION while read-only; INVALID_ARGUMENT beyond the bounds of
  // a transaction; RESOURCE_EXHAUSTED when the disk is full. On error nothing
  // of the group was written.
  virtual std::future<absl::StatusOr<CommitOutcome>> Submit(
      WriteGroup group) = 0;
  absl::StatusOr<CommitOutcome> Commit(WriteGroup group) {
    return Submit(std::move(group)).get();
  }
};

}  // namespace tongchou::node
