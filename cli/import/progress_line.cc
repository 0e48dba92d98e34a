#include "cli/import/progress_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "cli/table.h"
#include "cli/text.h"

namespace tongchou::cli {
namespace {

constexpr auto kQuiet = std::chrono::seconds(2);
constexpr auto kInterval = std::chrono::milliseconds(200);
constexpr double kMebibyte = 1 << 20;
constexpr char kEraseLine[] = "\r\x1b[K";

}  // namespace

std::string ProgressText(const Progress& progress) {
  const double seconds = progress.elapsed.count();
  const auto bytes = static_cast<double>(progress.bytes);
  const auto all = static_cast<double>(progress.bytes_all);
  std::string text = progress.what;
  if (all > 0) text += fmt::format("  {:.0f}%", bytes * 100 / all);
  if (seconds <= 0 || bytes <= 0) return text;
  if (progress.rows > 0) {
    const double rate = static_cast<double>(progress.rows) / seconds;
    text += "  " + WithCommas(static_cast<int64_t>(rate)) + " rows/s";
  } else {
    text += fmt::format("  {:.1f} MiB/s", bytes / kMebibyte / seconds);
  }
  const auto left = static_cast<int64_t>((all - bytes) * seconds / bytes);
  if (left < 0) return text;
  return text + fmt::format("  {}:{:02} left", left / 60, left % 60);
}

ProgressLine::ProgressLine()
    : terminal_(isatty(STDERR_FILENO) != 0), start_(Clock::now()) {}

ProgressLine::~ProgressLine() { Clear(); }

void ProgressLine::Show(Progress progress) {
  if (!terminal_) return;
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = Clock::now();
  if (now - start_ < kQuiet || now - shown_ < kInterval) return;
  shown_ = now;
  visible_ = true;
  progress.elapsed = now - start_;
  std::fprintf(stderr, "%s%s", kEraseLine,
               Printable(ProgressText(progress)).c_str());
  std::fflush(stderr);
}

void ProgressLine::Clear() {
  const std::lock_guard lock(mutex_);
  if (visible_) std::fprintf(stderr, "%s", kEraseLine);
  visible_ = false;
}

}  // namespace tongchou::cli
