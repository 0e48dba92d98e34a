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

#include "absl/status/status.h"
#include "aggregator/state/batch.h"
#include "aggregator/state/cell_deltas.h"
#include "aggregator/state/record_joins.h"

namespace tongchou::aggregator {

struct CityDays {
  uint32_t before = 0;  // last commit day before the batch; 0 = none
  uint32_t after = 0;   // with the batch
  bool in_batch = false;
};

// The batch is loaded. Records that cannot be read give nothing.
absl::Status CollectDeltas(Batch* batch,
                           const std::map<uint32_t, CityDays>& cities,
                           FactReader* facts, CellDeltas* deltas);

}  // namespace tongchou::aggregator
