// The one writer of a node's log. It collects what clients submit into a group
// commit, gives every change its place and its link to the past, writes once,
// synchronously, and answers. A lone client's change commits at once; where
// others come back as soon as they are answered, a group waits for them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/alarms/machine.h"
#include "common/ledger/log_store.h"
#include "node/change.h"
#include "node/commit_clock.h"
#include "node/record_index.h"

namespace tongchou::node {

// Changes waiting for the writer, and their bytes as they go into the log;
// Submit blocks above either.
inline constexpr size_t kQueuedChangesMax = 32'768;
inline constexpr size_t kQueuedBytesMax = 32 << 20;
// Changes of one group commit and their bytes, unless one request alone has
// more.
inline constexpr size_t kGroupChangesMax = 16'384;
inline constexpr size_t kGroupBytesMax = 16 << 20;

// Above how many changes a group waits for nobody.
inline constexpr size_t kGroupWaitChangesMax = 256;

struct SequencerOptions {
  // Not empty: salts come from it and the sequence, so that the same input
  // gives the same log. Synthetic nodes only.
  std::string synthetic_seed;
  // Why nothing may be written now; empty = it may.
  std::function<std::string()> read_only_reason;
  // Called after every commit with the log's size; must not block.
  std::function<void(uint64_t)> committed;
};

using CommitDone = absl::AnyInvocable<void(absl::StatusOr<CommitOutcome>)>;

// Thread-safe.
class Sequencer {
 public:
  static std::unique_ptr<Sequencer> Start(SequencerOptions options,
                                          ledger::LogStore* log,
                                          RecordIndex* index,
                                          const CommitClock* clock);
  // Finishes what was submitted.
  virtual ~Sequencer() = default;

  // Calls `done` on the writer's thread once the group is fsynced or refused,
  // in the order of submission; it must not block. FAILED_PRECONDITION while
  // read-only; RESOURCE_EXHAUSTED beyond the bounds of a transaction or when
  // the disk is full. On error nothing of the group was written.
  virtual void Submit(WriteGroup group, CommitDone done) = 0;

  // What waits for the writer; groups written so far.
  virtual alarms::QueueFacts queue() const = 0;

  std::future<absl::StatusOr<CommitOutcome>> Submit(WriteGroup group);
  absl::StatusOr<CommitOutcome> Commit(WriteGroup group) {
    return Submit(std::move(group)).get();
  }
};

}  // namespace tongchou::node
