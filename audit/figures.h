// The figures, computed by a plain scan over replayed records. This is written
// apart from the province's evaluation on purpose: the judge shares no counter
// and no evaluator with the judged.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "audit/record_set.h"

namespace tongchou::audit {

// Which figure. county 0 = the whole city; city 0 = the province.
struct FigureName {
  std::string id;
  bool once = false;  // the province's second line: every person once
  uint32_t city = 0;
  uint32_t county = 0;
  std::string insurance;  // empty = none or all
  uint32_t period = 0;

  auto operator<=>(const FigureName&) const = default;
};
std::string Describe(const FigureName& name);

// No value = null. Figures that are not there are 0.
using FigureTable = std::map<FigureName, std::optional<int64_t>>;

// Persons insured (K1.1) of one city as of the end of the year before, by
// insurance: set of (county, person key).
struct OpeningStock {
  bool committed = false;  // the city had committed something by then
  std::map<std::string, absl::flat_hash_set<std::pair<uint32_t, std::string>>>
      insured;
};
OpeningStock ScanOpeningStock(const RecordSet& records);

struct CityScan {
  const RecordSet* records = nullptr;
  OpeningStock opening;
};

// All figures at all levels, recorded by the end of `as_of`, valid on `on`.
FigureTable ComputeFigures(const std::vector<CityScan>& cities, uint32_t as_of,
                           uint32_t on);

}  // namespace tongchou::audit
