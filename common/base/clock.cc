#include "common/base/clock.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "common/base/status.h"

namespace tongchou::base {
namespace {

int64_t FloorDiv(int64_t a, int64_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

std::chrono::sys_days ToSysDays(uint32_t yyyymmdd) {
  return std::chrono::year(static_cast<int>(yyyymmdd / 10000)) /
         std::chrono::month(yyyymmdd / 100 % 100) /
         std::chrono::day(yyyymmdd % 100);
}

uint32_t FromSysDays(std::chrono::sys_days days) {
  const std::chrono::year_month_day date(days);
  return static_cast<uint32_t>(static_cast<int>(date.year())) * 10000 +
         static_cast<unsigned>(date.month()) * 100 +
         static_cast<unsigned>(date.day());
}

}  // namespace

int64_t RealClock::NowMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

int64_t SteadyClock::NowMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool IsLeapYear(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int DaysInMonth(int year, int month) {
  static constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30,
                                                31, 31, 30, 31, 30, 31};
  return month == 2 && IsLeapYear(year) ? 29 : kDays[month - 1];
}

bool IsValidMonth(uint32_t yyyymm) {
  const uint32_t month = yyyymm % 100;
  return yyyymm >= 101 && yyyymm <= 999912 && month >= 1 && month <= 12;
}

bool IsValidDay(uint32_t yyyymmdd) {
  if (!IsValidMonth(yyyymmdd / 100)) return false;
  const int days = DaysInMonth(static_cast<int>(yyyymmdd / 10000),
                               static_cast<int>(yyyymmdd / 100 % 100));
  const auto day = static_cast<int>(yyyymmdd % 100);
  return day >= 1 && day <= days;
}

uint32_t NextDay(uint32_t yyyymmdd) {
  return FromSysDays(ToSysDays(yyyymmdd) + std::chrono::days(1));
}

uint32_t ChinaDay(int64_t micros) {
  const int64_t days = FloorDiv(micros + kChinaOffsetMicros, kMicrosPerDay);
  return FromSysDays(std::chrono::sys_days(std::chrono::days(days)));
}

int64_t ChinaDayStart(uint32_t yyyymmdd) {
  return ToSysDays(yyyymmdd).time_since_epoch().count() * kMicrosPerDay -
         kChinaOffsetMicros;
}

absl::StatusOr<uint32_t> ParseDay(std::string_view text) {
  std::string digits;
  if (text.size() == 10 && text[4] == '-' && text[7] == '-') {
    digits = fmt::format("{}{}{}", text.substr(0, 4), text.substr(5, 2),
                         text.substr(8, 2));
  } else {
    digits = text;
  }
  const bool all_digits = std::all_of(digits.begin(), digits.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
  uint32_t day = 0;
  if (digits.size() == 8 && all_digits) {
    for (const char c : digits) day = day * 10 + static_cast<uint32_t>(c - '0');
  }
  if (!IsValidDay(day)) {
    return InvalidArgumentError(
        "'{}' is not a day; write it as 2008-10-31 or 20081031", text);
  }
  return day;
}

std::string FormatDay(uint32_t yyyymmdd) {
  return fmt::format("{:04}-{:02}-{:02}", yyyymmdd / 10000,
                     yyyymmdd / 100 % 100, yyyymmdd % 100);
}

std::string FormatChinaTime(int64_t micros) {
  const int64_t local = micros + kChinaOffsetMicros;
  const int64_t in_day = local - FloorDiv(local, kMicrosPerDay) * kMicrosPerDay;
  const int64_t seconds = in_day / kMicrosPerSecond;
  return fmt::format("{}T{:02}:{:02}:{:02}.{:06}+08:00",
                     FormatDay(ChinaDay(micros)), seconds / 3600,
                     seconds / 60 % 60, seconds % 60,
                     in_day % kMicrosPerSecond);
}

}  // namespace tongchou::base
