#include "audit/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/number_text.h"

namespace tongchou::audit {

std::string FormatProgress(uint64_t entries, uint64_t bytes,
                           uint64_t bytes_total, double seconds) {
  std::string text =
      base::WithCommas(static_cast<int64_t>(entries)) + " entries";
  if (bytes == 0 || bytes_total == 0 || seconds <= 0) return text;
  const double part = std::min(
      1.0, static_cast<double>(bytes) / static_cast<double>(bytes_total));
  return text + fmt::format(", {:.0f} %, {} entries/s, {:.0f} s left",
                            100 * part,
                            base::WithCommas(static_cast<int64_t>(
                                static_cast<double>(entries) / seconds)),
                            seconds / part - seconds);
}

Progress::Progress(uint64_t bytes_total, base::Clock* clock,
                   std::function<void(const std::string&)> show)
    : clock_(*clock),
      show_(std::move(show)),
      begun_us_(clock->NowMicros()),
      bytes_total_(bytes_total),
      shown_us_(begun_us_) {}

void Progress::Add(uint64_t entries, uint64_t bytes) {
  base::MutexLock lock(mutex_);
  entries_ += entries;
  bytes_ += bytes;
  const int64_t now = clock_.NowMicros();
  if (now - shown_us_ < kProgressMicros) return;
  shown_us_ = now;
  show_(FormatProgress(
      entries_, bytes_, bytes_total_,
      static_cast<double>(now - begun_us_) / base::kMicrosPerSecond));
}

void Progress::Skip(uint64_t bytes) {
  base::MutexLock lock(mutex_);
  bytes_total_ -= std::min(bytes, bytes_total_);
}

}  // namespace tongchou::audit
