// The province, or a city, on one screen: a line for each main figure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/query/figures.h"

namespace tongchou::cli {

inline constexpr size_t kScreenWidth = 80;

// The figures that the screen needs, of `city` or of the province (0) and its
// cities.
v1::GetIndicatorsRequest HomeRequest(uint32_t city, uint32_t as_of,
                                     uint32_t on);
// The same day a year before; 28 February for the 29th.
uint32_t YearBefore(uint32_t day);

// A figure that is not in the answer is 0, unless nothing of the city was
// recorded by the day: then stocks such as K4 are null for it, and all its
// figures are unknown. The year's column of K1.1 has the net increase (K1.4).
// `year_ago` is the answer for the days a year before; without it, and when
// other cities had no data then, changes of stocks are unknown.
std::string HomeScreen(const FigureAnswer& now,
                       const std::optional<FigureAnswer>& year_ago,
                       uint32_t city);

}  // namespace tongchou::cli
