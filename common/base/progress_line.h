// How far a long command or start is, for somebody who waits for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace tongchou::base {

// What is counted: entries one by one, bytes as MiB.
struct ProgressUnit {
  std::string_view name;
  uint64_t size = 1;
};
inline constexpr ProgressUnit kEntries{"entries", 1};
inline constexpr ProgressUnit kMebibytes{"MiB", 1 << 20};

// "1200 of 5000 entries, 400 a second, 10 s left"; rate and time left once they
// can be told.
std::string FormatProgress(uint64_t done, uint64_t all, ProgressUnit unit,
                           double seconds);

// On standard error: one line that counts on a terminal, a line every ten
// seconds elsewhere; the end is always shown. One thread at a time.
class ProgressLine {
 public:
  ProgressLine(std::string what, ProgressUnit unit);
  void Show(uint64_t done, uint64_t all);

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  const std::string what_;
  const ProgressUnit unit_;
  const bool terminal_;
  const Stopwatch watch_;
  TimePoint shown_;
};

// In the log of a server: a line every two seconds, none when it is faster. One
// thread at a time.
class ProgressLog {
 public:
  // `clock`: null = the real one; outlives it.
  ProgressLog(std::string what, ProgressUnit unit, Clock* clock = nullptr);
  void Show(uint64_t done, uint64_t all);

 private:
  const std::string what_;
  const ProgressUnit unit_;
  RealClock real_clock_;
  Clock& clock_;
  const int64_t start_us_;
  int64_t shown_us_;
};

}  // namespace tongchou::base
