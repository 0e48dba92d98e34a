// Time is passed in, never global. Instants are microseconds since 1970 UTC;
// days are China Standard Time (UTC+8, no daylight saving since 1991), written
// YYYYMMDD as an integer.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tongchou::base {

inline constexpr int64_t kMicrosPerSecond = 1'000'000;
inline constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;
inline constexpr int64_t kChinaOffsetMicros = kMicrosPerSecond * 3'600 * 8;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t NowMicros() = 0;
};

class RealClock final : public Clock {
 public:
  int64_t NowMicros() override;
};

// Is never set: for how long something lasts. Its zero means nothing.
class SteadyClock final : public Clock {
 public:
  int64_t NowMicros() override;
};

// Stands where it was set; for tests and simulation.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(int64_t micros) : now_(micros) {}
  int64_t NowMicros() override { return now_.load(); }
  void Set(int64_t micros) { now_.store(micros); }
  void Advance(int64_t micros) { now_.fetch_add(micros); }

 private:
  std::atomic<int64_t> now_;
};

// From its making on.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         start_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
};

// Calendar, proleptic Gregorian.
bool IsLeapYear(int year);
int DaysInMonth(int year, int month);
bool IsValidDay(uint32_t yyyymmdd);   // 00010101 to 99991231
bool IsValidMonth(uint32_t yyyymm);   // 000101 to 999912
uint32_t NextDay(uint32_t yyyymmdd);  // the argument must be valid

// The China Standard Time day that contains the instant.
uint32_t ChinaDay(int64_t micros);
// The instant at which that day begins in China. The day must be valid.
int64_t ChinaDayStart(uint32_t yyyymmdd);

// "2008-10-31" or "20081031" to 20081031.
absl::StatusOr<uint32_t> ParseDay(std::string_view text);
std::string FormatDay(uint32_t yyyymmdd);  // 2008-10-31
std::string FormatChinaTime(
    int64_t micros);  // 2008-10-31T09:30:00.000001+08:00

}  // namespace tongchou::base
