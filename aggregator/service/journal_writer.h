// The journal's one writer: takes what all streams have verified, cosigns it,
// and writes it as one group.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "aggregator/journal/journal.h"
#include "common/base/clock.h"
#include "common/ledger/cosignature.h"

namespace tongchou::aggregator {

// Batches of one group.
inline constexpr size_t kGroupBatchesMax = 64;

// Thread-safe.
class JournalWriter {
 public:
  // Called on the writer's thread: the batch is durable, or why it is not.
  using Done = std::function<void(const absl::Status&, uint64_t end_size,
                                  const std::string& cosigned_note)>;

  static std::unique_ptr<JournalWriter> Start(Journal* journal,
                                              ledger::Cosigner cosigner,
                                              base::Clock* clock,
                                              std::function<void()> written);
  virtual ~JournalWriter() = default;

  virtual void Submit(uint32_t city, exchange::VerifiedBatch batch,
                      const v1::Incarnation& incarnation, Done done) = 0;
  // Returns when nothing of the city is waiting any more.
  virtual void WaitFor(uint32_t city) = 0;
};

}  // namespace tongchou::aggregator
