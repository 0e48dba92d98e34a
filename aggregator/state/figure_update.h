// From a batch of changes to the deltas of all cells: for every person, unit,
// family and loan that the batch touches, what it gave before and gives after.
//
// The city and county cells change on the city's commit day. The province's
// second line (every person once) unites cities whose logs arrive in any order:
// where another city is ahead of the day, its past is read back through the
// links of its entries, so that every arrival order gives the same totals.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "absl/status/statusor.h"
#include "aggregator/state/batch.h"
#include "aggregator/state/cell_deltas.h"
#include "aggregator/state/record_joins.h"

namespace tongchou::aggregator {

struct CityDays {
  uint32_t before = 0;  // last commit day before the batch; 0 = none
  uint32_t after = 0;   // with the batch
  bool in_batch = false;
};

// What a thread needs to look at persons of a batch; its own alone.
struct Evaluator {
  Batch* batch = nullptr;
  FactReader* facts = nullptr;
  CellDeltas* deltas = nullptr;
};

// Records that cannot be read give nothing.
class DeltaCollector {
 public:
  // The batch is loaded.
  static absl::StatusOr<std::unique_ptr<DeltaCollector>> Start(
      const Evaluator& evaluator, const std::map<uint32_t, CityDays>& cities);
  virtual ~DeltaCollector() = default;

  // Persons that the batch touches.
  virtual size_t persons() const = 0;
  // Persons [begin, end), in the order of their keys. Thread-safe, for ranges
  // that do not overlap and evaluators of which each looks at the same batch.
  virtual absl::Status AddPersons(size_t begin, size_t end,
                                  const Evaluator& evaluator) const = 0;
  // Units, families and loans, once all persons are there.
  virtual absl::Status AddTheRest() = 0;
};

}  // namespace tongchou::aggregator
