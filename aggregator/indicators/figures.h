// Figures out of cells.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aggregator/state/unified_state.h"

namespace tongchou::aggregator {

struct FigureKey {
  std::string id;          // K1.1
  bool once = false;       // the province's second line
  uint32_t city = 0;       // 0 = the province
  uint32_t county = 0;     // 0 = the whole city or province
  uint16_t insurance = 0;  // 0 = none or all
  uint32_t period = 0;     // YYYYMM, YYYY, or YYYYMMDD for stocks
  auto operator<=>(const FigureKey&) const = default;
};

// No value = null; what is not there is 0.
using Figures = std::map<FigureKey, std::optional<int64_t>>;

struct FigureDays {
  uint32_t as_of = 0;  // recorded by the end of this day
  uint32_t on = 0;     // validity is judged on this day
};

// All ids, in the order of the definition table.
const std::vector<std::string>& FigureIds();

// Every figure at every level.
absl::StatusOr<Figures> ComputeFigures(const StateSnapshot& snapshot,
                                       const Position& position,
                                       const FigureDays& days);

// Days up to `as_of` on which any city committed something that counts.
absl::StatusOr<std::vector<uint32_t>> CommitDays(const StateSnapshot& snapshot,
                                                 uint32_t as_of);

}  // namespace tongchou::aggregator
