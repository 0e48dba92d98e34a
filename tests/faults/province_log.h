// Batches of two cities, always the same, for the province's stores.
#pragma once

#include <cstdint>
#include <vector>

#include "aggregator/journal/journal.h"

namespace tongchou::faults {

inline constexpr uint32_t kBatchCities[] = {360'100, 360'400};

// One group of the journal each: persons, enrolments, a few that are deleted.
// Every second has a part of one city only; every third is four times as large.
std::vector<std::vector<aggregator::JournalBatch>> MakeGroups(int groups,
                                                              int persons);

}  // namespace tongchou::faults
