// Text as a terminal shows it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tongchou::base {

// Columns that the text takes on a terminal: 2 for East Asian wide characters,
// 0 for combining ones, 1 for others. `utf8` must be valid.
size_t DisplayWidth(std::string_view utf8);

// At most `width` columns of it; "…" stands for what was cut off.
std::string CutToWidth(std::string_view utf8, size_t width);

// The text with control characters replaced, so that data cannot drive a
// terminal.
std::string Printable(std::string_view utf8);

}  // namespace tongchou::base
