// The figures once more, straight from their definitions: plain loops over the
// records as of the day, on the texts, with nothing of the unified database.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/aggregator/test_province.h"

namespace tongchou::aggregator {

// `edits` of one city are in the order of its log. Figures of value 0 are left
// out.
Figures NaiveFigures(const std::vector<Edit>& edits, uint32_t as_of,
                     uint32_t on);

}  // namespace tongchou::aggregator
