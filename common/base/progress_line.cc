#include "common/base/progress_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "common/base/logging.h"

namespace tongchou::base {
namespace {

constexpr std::chrono::milliseconds kTerminalEvery{100};
constexpr std::chrono::milliseconds kFileEvery{10'000};
constexpr int64_t kLogEveryMicros = 2 * kMicrosPerSecond;
constexpr char kEraseLine[] = "\r\x1b[K";

}  // namespace

std::string FormatProgress(uint64_t done, uint64_t all, ProgressUnit unit,
                           double seconds) {
  std::string text =
      fmt::format("{} of {} {}", done / unit.size, all / unit.size, unit.name);
  if (done == 0 || seconds <= 0) return text;
  const double rate = static_cast<double>(done) / seconds;
  const double left = static_cast<double>(all - std::min(done, all)) / rate;
  return text + fmt::format(", {:.0f} a second, {:.0f} s left",
                            rate / static_cast<double>(unit.size), left);
}

ProgressLine::ProgressLine(std::string what, ProgressUnit unit)
    : what_(std::move(what)),
      unit_(unit),
      terminal_(isatty(STDERR_FILENO) != 0),
      shown_(terminal_ ? TimePoint() : std::chrono::steady_clock::now()) {}

void ProgressLine::Show(uint64_t done, uint64_t all) {
  const TimePoint now = std::chrono::steady_clock::now();
  const bool last = done == all;
  if (!last && now - shown_ < (terminal_ ? kTerminalEvery : kFileEvery)) return;
  shown_ = now;
  fmt::print(stderr, "{}{}: {}{}", terminal_ ? kEraseLine : "", what_,
             FormatProgress(done, all, unit_, watch_.seconds()),
             terminal_ && !last ? "" : "\n");
  std::fflush(stderr);
}

ProgressLog::ProgressLog(std::string what, ProgressUnit unit, Clock* clock)
    : what_(std::move(what)),
      unit_(unit),
      clock_(clock == nullptr ? real_clock_ : *clock),
      start_us_(clock_.NowMicros()),
      shown_us_(start_us_) {}

void ProgressLog::Show(uint64_t done, uint64_t all) {
  const int64_t now = clock_.NowMicros();
  if (now - shown_us_ < kLogEveryMicros) return;
  shown_us_ = now;
  spdlog::info(
      "{}: {}", what_,
      FormatProgress(done, all, unit_,
                     static_cast<double>(now - start_us_) / kMicrosPerSecond));
}

}  // namespace tongchou::base
