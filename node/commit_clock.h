// The time that entries carry. A synthetic node has a business clock: its
// entries are dated from the start of a given day on, one microsecond per
// sequence number, so that the same input gives the same log.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/base/clock.h"

namespace tongchou::node {

// Thread-safe as the clock below it is.
class CommitClock {
 public:
  // `business_day` 0: real time.
  CommitClock(base::Clock* clock, uint32_t business_day)
      : clock_(clock), day_(business_day) {}

  // The time of entry `sequence`, never before `last_us`.
  int64_t TimeOf(uint64_t sequence, int64_t last_us) const {
    const int64_t now =
        day_ == 0 ? clock_->NowMicros()
                  : base::ChinaDayStart(day_) + static_cast<int64_t>(sequence);
    return std::max(last_us, now);
  }
  uint32_t Today() const {
    return day_ == 0 ? base::ChinaDay(clock_->NowMicros()) : day_;
  }
  int64_t RealMicros() const { return clock_->NowMicros(); }

 private:
  base::Clock* const clock_;
  const uint32_t day_;
};

}  // namespace tongchou::node
