// Day arithmetic on YYYYMMDD and YYYYMM integers.
#pragma once

#include <chrono>
#include <cstdint>

namespace tongchou::cli {

// Days since 1970-01-01. The argument must be a valid day.
inline int32_t ToSerial(uint32_t yyyymmdd) {
  const std::chrono::year_month_day day(
      std::chrono::year(static_cast<int>(yyyymmdd / 10000)),
      std::chrono::month(yyyymmdd / 100 % 100),
      std::chrono::day(yyyymmdd % 100));
  return static_cast<int32_t>(
      std::chrono::sys_days(day).time_since_epoch().count());
}

inline uint32_t FromSerial(int64_t serial) {
  const std::chrono::year_month_day day{
      std::chrono::sys_days(std::chrono::days(serial))};
  return static_cast<uint32_t>(static_cast<int>(day.year())) * 10000 +
         static_cast<unsigned>(day.month()) * 100 +
         static_cast<unsigned>(day.day());
}

// The month `back` months before.
inline uint32_t MonthsBefore(uint32_t yyyymm, uint32_t back) {
  const uint32_t count = yyyymm / 100 * 12 + yyyymm % 100 - 1 - back;
  return count / 12 * 100 + count % 12 + 1;
}

}  // namespace tongchou::cli
