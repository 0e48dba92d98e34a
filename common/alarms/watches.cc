#include "common/alarms/watches.h"

#include <algorithm>

#include "common/base/clock.h"

namespace tongchou::alarms {
namespace {

constexpr int64_t kMinute = 60 * base::kMicrosPerSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kWindow = 7 * base::kMicrosPerDay;

}  // namespace

int64_t StallWatch::Look(bool behind, uint64_t progress, int64_t now_us) {
  const bool moved = progress != progress_;
  progress_ = progress;
  if (!behind) {
    since_us_.reset();
    return 0;
  }
  if (moved || !since_us_.has_value()) since_us_ = now_us;
  return now_us - *since_us_;
}

int GrowthWatch::Look(uint64_t length, int64_t now_us) {
  if (!minute_us_.has_value()) minute_us_ = now_us;
  if (now_us - *minute_us_ >= kMinute) {
    grown_ = lowest_ > lowest_before_ ? grown_ + 1 : 0;
    lowest_before_ = lowest_;
    lowest_ = length;
    minute_us_ = now_us;
  }
  lowest_ = std::min(lowest_, length);
  return grown_;
}

std::optional<double> DiskWatch::Look(uint64_t free_bytes, int64_t now_us) {
  if (samples_.empty() || now_us - samples_.back().time_us >= kHour) {
    samples_.push_back({now_us, free_bytes});
  }
  while (now_us - samples_.front().time_us > kWindow) samples_.pop_front();
  const Sample& oldest = samples_.front();
  if (oldest.free_bytes <= free_bytes) return std::nullopt;
  const int64_t time = std::max(now_us - oldest.time_us, base::kMicrosPerDay);
  const auto a_day = static_cast<double>(oldest.free_bytes - free_bytes) *
                     static_cast<double>(base::kMicrosPerDay) /
                     static_cast<double>(time);
  return static_cast<double>(free_bytes) / a_day;
}

}  // namespace tongchou::alarms
