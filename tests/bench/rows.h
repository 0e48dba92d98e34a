// The rows of the benchmarks: enrolments of people who do not exist, the same
// for both systems. A row is a pure function of city, index and version; keys
// are in no order, and numbers and codes are as random as real ones.
#pragma once

#include <cstdint>
#include <string>

namespace tongchou::bench {

struct Row {
  uint32_t city = 0;
  std::string id_number;     // AAC002, 18 digits
  std::string insurance;     // AAE140
  std::string person_code;   // AAC001
  std::string unit_code;     // AAB001
  uint32_t division = 0;     // AAB301
  std::string state;         // AAC008
  std::string paying;        // AAC031
  std::string retired;       // AAC084
  std::string rural;         // AAC028
  uint32_t from_day = 0;     // AAC030
  uint32_t first_month = 0;  // AAC049
};

// Rows of one city that differ at most.
inline constexpr uint64_t kRowsPerCityMax = 1 << 27;

// `index` below kRowsPerCityMax. Version 0 counts as insured, odd versions do
// not (AAC008 = 4), even ones do; a version differs from the one before it in
// county, state and paying state.
void MakeRow(uint32_t city, uint64_t index, uint32_t version, Row* row);

// The cities in the order of their codes.
inline constexpr uint32_t kCities[] = {360100, 360200, 360300, 360400,
                                       360500, 360600, 360700, 360800,
                                       360900, 361000, 361100};

}  // namespace tongchou::bench
