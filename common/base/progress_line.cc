#include "common/base/progress_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/display_text.h"
#include "common/base/logging.h"
#include "common/base/number_text.h"

namespace tongchou::base {
namespace {

constexpr int64_t kTerminalEveryMicros = kMicrosPerSecond / 5;
constexpr int64_t kFileEveryMicros = 10 * kMicrosPerSecond;
constexpr int64_t kLogEveryMicros = 2 * kMicrosPerSecond;
// One less than a terminal has: the last one would begin a new line.
constexpr size_t kColumnsMax = 79;
constexpr char kEraseLine[] = "\r\x1b[K";

std::string Count(uint64_t number, ProgressUnit unit) {
  return WithCommas(static_cast<int64_t>(number / unit.size));
}

// What stands before the rest gives way to it.
std::string FitTerminal(std::string_view what, const std::string& rest) {
  const size_t taken = std::min(DisplayWidth(rest), kColumnsMax);
  return CutToWidth(Printable(what), kColumnsMax - taken) + rest;
}

}  // namespace

std::string FormatProgress(const ProgressPoint& point, ProgressUnit unit,
                           double seconds) {
  double part = point.part;
  std::string text = Count(point.done, unit);
  if (point.all > 0) {
    part = static_cast<double>(point.done) / static_cast<double>(point.all);
    text += " of " + Count(point.all, unit);
  }
  part = std::min(part, 1.0);
  text += fmt::format(" {}", unit.name);
  if (point.all == 0 && part > 0) text += fmt::format(", {:.0f} %", part * 100);
  if (point.done == 0 || seconds <= 0) return text;
  const double rate = static_cast<double>(point.done) / seconds /
                      static_cast<double>(unit.size);
  text += ", " + WithCommas(std::llround(rate)) + " a second";
  if (part <= 0) return text;
  const int64_t left = std::llround(seconds / part - seconds);
  return text + fmt::format(", {}:{:02} left", left / 60, left % 60);
}

ProgressOutput StandardError() { return {stderr, isatty(STDERR_FILENO) != 0}; }

ProgressLine::ProgressLine(std::string_view what, ProgressUnit unit,
                           ProgressOutput output, Clock* clock)
    : unit_(unit),
      output_(output),
      clock_(clock == nullptr ? real_clock_ : *clock),
      start_us_(clock_.NowMicros()),
      what_(what),
      shown_us_(start_us_) {}

ProgressLine::~ProgressLine() { Clear(); }

void ProgressLine::SetWhat(std::string_view what) {
  MutexLock lock(mutex_);
  what_ = what;
}

void ProgressLine::Erase() {
  if (output_.terminal) fmt::print(output_.file, "{}", kEraseLine);
}

void ProgressLine::Show(const ProgressPoint& point) {
  const int64_t now = clock_.NowMicros();
  MutexLock lock(mutex_);
  const bool due = now - shown_us_ >=
                   (output_.terminal ? kTerminalEveryMicros : kFileEveryMicros);
  const bool ends = point.all > 0 && point.done == point.all &&
                    (output_.terminal || any_shown_);
  if (!due && !ends) return;
  shown_us_ = now;
  any_shown_ = true;
  const std::string text = FormatProgress(
      point, unit_, static_cast<double>(now - start_us_) / kMicrosPerSecond);
  unfinished_ = output_.terminal && !ends;
  Erase();
  fmt::print(
      output_.file, "{}{}",
      output_.terminal ? FitTerminal(what_, ": " + text) : what_ + ": " + text,
      unfinished_ ? "" : "\n");
  std::fflush(output_.file);
}

void ProgressLine::Clear() {
  MutexLock lock(mutex_);
  if (!unfinished_) return;
  unfinished_ = false;
  Erase();
  std::fflush(output_.file);
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
      FormatProgress({.done = done, .all = all}, unit_,
                     static_cast<double>(now - start_us_) / kMicrosPerSecond));
}

}  // namespace tongchou::base
