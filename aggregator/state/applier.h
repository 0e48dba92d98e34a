// Brings the unified database behind the journal, in ordinal order.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "aggregator/journal/journal.h"
#include "aggregator/state/batch.h"
#include "aggregator/state/unified_state.h"

namespace tongchou::aggregator {

// Past versions, read out of the journal's bundles. Not thread-safe.
std::unique_ptr<PastReader> MakePastReader(const Journal* journal);

// Uncompressed bundles of groups that are kept in memory.
inline constexpr size_t kOfferedBytesMax = 128 << 20;

// Thread-safe: status from any thread. One per state.
class Applier {
 public:
  // Starts its threads. `applied` is called after every batch, by one of them;
  // must not block.
  static absl::StatusOr<std::unique_ptr<Applier>> Start(
      const Journal* journal, UnifiedState* state,
      std::function<void(const Position&)> applied);
  virtual ~Applier() = default;

  // The journal has grown by this group. It is kept in memory until its turn
  // comes, if there is room (kOfferedBytesMax); a group that is not is read
  // from the journal.
  virtual void Offer(JournalGroup group) = 0;
  virtual Position position() const = 0;
  // Until so many entries of the city are applied, the time has run out or
  // nothing is applied any more; how many are.
  virtual uint64_t WaitFor(uint32_t city, uint64_t size,
                           std::chrono::microseconds timeout) const = 0;
  // After a start: false until the journal's end of that time is reached.
  virtual bool caught_up() const = 0;
  // Changes while something is being applied, also within a batch.
  virtual uint64_t steps() const = 0;
  // Why it stopped; OK while it works.
  virtual absl::Status status() const = 0;
};

}  // namespace tongchou::aggregator
