// The province, or a city, on one screen: a line for each main figure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/query/figures.h"

namespace tongchou::cli {

inline constexpr size_t kScreenWidth = 80;

// The figures that the screen needs, of `city` or of the province (0).
v1::GetIndicatorsRequest HomeRequest(uint32_t city, uint32_t as_of,
                                     uint32_t on);
// The same day a year before; 28 February for the 29th.
uint32_t YearBefore(uint32_t day);

// `year_ago` is the answer for the days a year before; without it, and where
// it rests on other cities than the answer, changes of stocks are unknown.
std::string HomeScreen(const FigureAnswer& now,
                       const std::optional<FigureAnswer>& year_ago,
                       uint32_t city);

}  // namespace tongchou::cli
