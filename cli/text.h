// How numbers, times and names are shown to people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/number_text.h"

namespace tongchou::cli {

// What stands where nothing is known.
inline constexpr std::string_view kUnknown = "—";

using base::WithCommas;
std::string FormatYuan(int64_t fen);  // 1,234.50
// "2008-10-31 09:30:00" in China; kUnknown for 0.
std::string ShortTime(int64_t micros);
// Change against `before` in percent: +3.2%. kUnknown without both, or when
// there was nothing before.
std::string FormatChange(std::optional<int64_t> now,
                         std::optional<int64_t> before);
// The name of an enum's value without the enum's prefix: CITY_STATE_LIVE to
// live.
std::string EnumName(std::string_view full_name, std::string_view prefix);
// Six digits of a division; empty for 0.
std::string DivisionText(uint32_t code);
// Words in lines of at most `width` columns; continued lines are indented.
std::string Wrap(const std::vector<std::string>& words, size_t width);

}  // namespace tongchou::cli
