// Changes of cells, collected over a batch and then added to the totals.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "aggregator/indicators/cell.h"
#include "aggregator/state/arena.h"
#include "aggregator/state/unified_state.h"

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
    uint64_t hash = 0;  // over all that
    int64_t times = 0;
  };
  // What is looked for among those; it is copied only when it is not there.
  struct Sought {
    const Contribution& contribution;
    uint32_t city = 0;
    uint32_t commit_day = 0;
    uint64_t hash = 0;
  };
  // Of places in alone_.
  struct HashAlone {
    using is_transparent = void;
    size_t operator()(uint32_t place) const { return (*alone)[place].hash; }
    size_t operator()(const Sought& sought) const { return sought.hash; }
    const std::vector<Alone>* alone;
  };
  struct EqualAlone {
    using is_transparent = void;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t place, const Sought& sought) const;
    const std::vector<Alone>* alone;
  };
  uint64_t HashOf(const Contribution& contribution, uint32_t city,
                  uint32_t commit_day);
  void Add(const Cell& cell, uint32_t commit_day, int64_t amount);
  void AddInterval(Cell cell, const Interval& days, uint32_t commit_day,
                   int64_t times);

  absl::flat_hash_map<std::pair<Cell, uint32_t>, int64_t> amounts_;
  std::vector<Alone> alone_;
  absl::flat_hash_set<uint32_t, HashAlone, EqualAlone> places_{
      0, HashAlone{&alone_}, EqualAlone{&alone_}};
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
