// Changes of cells, collected over a batch and then added to the totals.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "aggregator/indicators/cell.h"
#include "aggregator/state/arena.h"
#include "aggregator/state/unified_state.h"
#include "common/base/hash128.h"

namespace tongchou::aggregator {

struct CellDelta {
  Cell cell;
  uint32_t commit_day = 0;
  int64_t amount = 0;
};

// Not thread-safe.
class CellDeltas {
 public:
  CellDeltas() = default;
  CellDeltas(const CellDeltas&) = delete;
  CellDeltas& operator=(const CellDeltas&) = delete;

  // Edges of the intervals and the sums, times `times`.
  void AddContribution(const Contribution& contribution, uint32_t city,
                       uint32_t commit_day, int64_t times);
  // Only the city level, as the province's second line.
  void AddOnce(const std::vector<Contribution::Counted>& counted,
               uint32_t commit_day, int64_t times);
  // Both, for a person who counts in one city only. Equal contributions, and
  // most of a load are equal to some other, are added up before they are taken
  // apart into cells.
  void AddAlone(const Contribution& contribution, uint32_t city,
                uint32_t commit_day, int64_t times);

  // What another one collected.
  void AddAll(const CellDeltas& other);

  // By cell, then day; without zeros. The last call.
  std::vector<CellDelta> Take();

 private:
  struct Alone {
    Contribution contribution;
    uint32_t city = 0;
    uint32_t commit_day = 0;
  };
  struct Times {
    int64_t times = 0;
    uint32_t place = 0;  // in alone_
  };
  // Stands for all three, under a key that is random in each process.
  base::Hash128 DigestOf(const Contribution& contribution, uint32_t city,
                         uint32_t commit_day);
  void Add(const Cell& cell, uint32_t commit_day, int64_t amount);
  void AddInterval(Cell cell, const Interval& days, uint32_t commit_day,
                   int64_t times);

  absl::flat_hash_map<std::pair<Cell, uint32_t>, int64_t> amounts_;
  // What is met again and again is small and lies together.
  absl::flat_hash_map<base::Hash128, Times> times_;
  std::vector<Alone> alone_;
  std::vector<uint64_t> words_;
};

// Remembers the newest total of each cell that it met. Not thread-safe.
class CellTotals {
 public:
  // Appends the new totals by key. A delta at a day before the newest one moves
  // all later totals too.
  absl::Status Apply(const std::vector<CellDelta>& deltas,
                     const StateSnapshot& snapshot, Arena* arena,
                     std::vector<StatePut>* puts);

 private:
  struct Newest {
    uint32_t day = 0;
    int64_t total = 0;
  };
  using Totals = std::map<uint32_t, int64_t>;
  absl::StatusOr<Totals> ReadTotals(const Cell& cell,
                                    const StateSnapshot& snapshot) const;
  absl::flat_hash_map<Cell, Newest> newest_;
};

}  // namespace tongchou::aggregator
