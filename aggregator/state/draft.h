// From bundles of the journal to batches of changes: read, parsed and sorted,
// not yet looked at.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "aggregator/journal/journal.h"
#include "aggregator/state/arena.h"
#include "aggregator/state/batch.h"
#include "aggregator/state/figure_update.h"
#include "aggregator/state/unified_state.h"
#include "common/ledger/bundle.h"
#include "common/ledger/entry_view.h"

namespace tongchou::aggregator {

// Changes of one batch, unless one transaction alone has more. New records cost
// as much in a batch of any size, and a smaller one takes less memory; for
// those that change stored ones the whole database is gone through, so the
// fewer the batches the better.
inline constexpr size_t kNewBatchChanges = 131'072;
// One of new records is smaller where it would take longer than this before it
// is written.
inline constexpr size_t kNewBatchChangesMin = 32'768;
inline constexpr auto kNewBatchTime = std::chrono::milliseconds(400);
inline constexpr size_t kUpdateBatchChanges = 262'144;
// Batches from this size on are applied by a thread of their own, while the
// next one is read; smaller ones go the shorter way.
inline constexpr size_t kHandOverChanges = 16'384;
// The time after which one of those is handed over though it is not full, if
// that thread has nothing to do: nobody shall wait long for figures.
inline constexpr auto kEarlyBatchTime = std::chrono::milliseconds(400);

struct Draft {
  Arena arena;                  // of the changes
  std::vector<Change> changes;  // of each record the last, by row key
  std::map<uint32_t, CityDays> days;
  Position position;  // with the changes; without the numbers of records
};

// The version that an entry wrote, its record where the entry is.
RecordVersion VersionOf(const ledger::HeaderView& header,
                        const ledger::BodyView& body);
// DATA_LOSS when entry `i` of the bundle cannot be read.
absl::Status ReadEntry(const ledger::Bundle& bundle, size_t i,
                       ledger::HeaderView* header, ledger::BodyView* body);

// Cuts drafts where a transaction ends, and where a city's commit day does: a
// batch has one day of each city. Not thread-safe.
class DraftMaker {
 public:
  using Sink = std::function<absl::Status(std::unique_ptr<Draft>)>;

  // Continues behind `position`; an error of the sink ends the call that met
  // it. `idle` says whether the sink has nothing to do, `changes_max` how many
  // changes it wants in a batch.
  DraftMaker(Position position, Sink sink, std::function<bool()> idle,
             std::function<size_t()> changes_max);

  // What the position has already is passed over.
  absl::Status Take(const JournalBundle& stored);
  void EndGroup(uint64_t ordinal) { next_.ordinal = ordinal; }
  // Hands over what there is.
  absl::Status Finish();

  // Of the last whole group that was taken.
  uint64_t ordinal() const { return next_.ordinal; }

 private:
  // A change as it came: its key lies in the arena, its record in the bundle.
  struct Incoming {
    std::string_view row_key;
    RecordVersion version;
    uint32_t city = 0;
    uint32_t type = 0;
  };

  absl::Status TakeEntries(const std::shared_ptr<const ledger::Bundle>& bundle,
                           uint32_t city, CityPosition* position);
  bool IsEarly() const;
  absl::Status StartDay(uint32_t city, const ledger::HeaderView& header,
                        CityPosition* position);
  void Add(uint32_t city, const ledger::HeaderView& header,
           const ledger::BodyView& body, CityPosition* position);
  std::vector<Change> Sorted();
  Change LaidDown(const Incoming& incoming);
  std::map<uint32_t, CityDays> Days() const;

  const Sink sink_;
  const std::function<bool()> idle_;
  const std::function<size_t()> changes_max_;
  Position next_;
  uint64_t handed_over_ = 0;  // ordinal
  std::unique_ptr<Draft> draft_;
  std::vector<Incoming> incoming_;                              // of the draft
  std::vector<std::shared_ptr<const ledger::Bundle>> bundles_;  // of these
  std::chrono::steady_clock::time_point started_;  // of its first change
  std::map<uint32_t, uint32_t> days_;              // of the draft, by city
  std::map<uint32_t, uint32_t> days_before_;
};

}  // namespace tongchou::aggregator
