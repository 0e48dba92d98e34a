// Changes of cells, collected over a batch and then added to the totals.
#pragma once

#include <cstdint>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "aggregator/indicators/cell.h"
#include "aggregator/state/unified_state.h"

namespace rocksdb {
class WriteBatch;
}

namespace tongchou::aggregator {

// Not thread-safe.
class CellDeltas {
 public:
  void Add(const Cell& cell, uint32_t commit_day, int64_t amount);
  // Edges of the intervals and the sums, times `sign`.
  void AddContribution(const Contribution& contribution, uint32_t city,
                       uint32_t commit_day, int64_t sign);
  // Only the city level, as the province's second line.
  void AddOnce(const std::vector<Contribution::Counted>& counted,
               uint32_t commit_day, int64_t sign);

  const absl::flat_hash_map<Cell, std::map<uint32_t, int64_t>>& cells() const {
    return cells_;
  }

 private:
  void AddInterval(Cell cell, const Interval& days, uint32_t commit_day,
                   int64_t sign);
  absl::flat_hash_map<Cell, std::map<uint32_t, int64_t>> cells_;
};

// Remembers the newest total of each cell that it met. Not thread-safe.
class CellTotals {
 public:
  // Puts the new totals into the batch. A delta at a day before the newest one
  // moves all later totals too.
  absl::Status Apply(const CellDeltas& deltas, const StateSnapshot& snapshot,
                     rocksdb::WriteBatch* batch);

 private:
  struct Newest {
    uint32_t day = 0;
    int64_t total = 0;
  };
  absl::StatusOr<std::map<uint32_t, int64_t>> ReadTotals(
      const Cell& cell, const StateSnapshot& snapshot) const;
  absl::flat_hash_map<Cell, Newest> newest_;
};

}  // namespace tongchou::aggregator
