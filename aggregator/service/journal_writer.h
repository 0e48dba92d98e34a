// The journal's one writer: takes what all streams have verified, cosigns it,
// and writes it as one group.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "aggregator/journal/journal.h"
#include "common/alarms/machine.h"
#include "common/base/clock.h"
#include "common/ledger/cosignature.h"

namespace tongchou::aggregator {

// Of one group: batches, their bundles (one batch may have more), and entries
// of the province's own beside its receipt. Whoever reads personal data waits
// for the group that is being written, so groups are small.
inline constexpr size_t kGroupBatchesMax = 64;
inline constexpr size_t kGroupBytesMax = 4 << 20;
inline constexpr size_t kGroupEntriesMax = kOwnEntriesMax - 1;

// Thread-safe.
class JournalWriter {
 public:
  // Called on the writer's thread: the batch is durable, or why it is not,
  // which concerns no other city where only this batch was refused.
  using Done = std::function<void(const absl::Status&, uint64_t end_size,
                                  const std::string& cosigned_note)>;

  // `written` is called on the writer's thread with each group of batches.
  static std::unique_ptr<JournalWriter> Start(
      Journal* journal, ledger::Cosigner cosigner, base::Clock* clock,
      std::function<void(JournalGroup)> written);
  virtual ~JournalWriter() = default;

  // The key that cosigns.
  virtual ledger::VerifierKey witness() const = 0;

  virtual void Submit(uint32_t city, exchange::VerifiedBatch batch,
                      const v1::Incarnation& incarnation, Done done) = 0;
  // An entry of the province's own log, in the next group: entries do not wait
  // for batches.
  virtual void SubmitEntry(OwnEntry entry,
                           std::function<void(const absl::Status&)> done) = 0;
  // The same; returns when it is durable, or why it is not.
  absl::Status Record(OwnEntry entry);
  // What waits to be written, batches and entries; groups written so far.
  virtual alarms::QueueFacts queue() const = 0;
  // Returns when nothing of the city is waiting any more.
  virtual void WaitFor(uint32_t city) = 0;
};

}  // namespace tongchou::aggregator
