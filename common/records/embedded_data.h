// The tables of data/ as they were when the program was built (UTF-8 CSV).
#pragma once

#include <string_view>

namespace tongchou::records {

std::string_view DivisionsCsv();         // GB/T 2260 as of 2023-06-30
std::string_view DivisionsHistoryCsv();  // retired and renamed codes
std::string_view CodeListsCsv();

}  // namespace tongchou::records
