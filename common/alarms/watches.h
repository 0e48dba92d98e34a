// What tells from a row of looks, one a second, that something is wrong. Times
// are those of a steady clock (base::SteadyClock). Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>

namespace tongchou::alarms {

// Work that waits while nothing of it gets done.
class StallWatch {
 public:
  // `behind`: there is work; `progress` changes whenever some of it is done.
  // Microseconds for which there was work and no progress.
  int64_t Look(bool behind, uint64_t progress, int64_t now_us);

 private:
  uint64_t progress_ = 0;
  std::optional<int64_t> since_us_;
};

// A queue that only grows.
class GrowthWatch {
 public:
  // How many minutes in a row its lowest length was above that of the minute
  // before.
  int Look(uint64_t length, int64_t now_us);

 private:
  std::optional<int64_t> minute_us_;  // when the current one began
  uint64_t lowest_ = std::numeric_limits<uint64_t>::max();
  uint64_t lowest_before_ = std::numeric_limits<uint64_t>::max();
  int grown_ = 0;
};

// When a disk will be full. What was used since the oldest look, of up to seven
// days ago, counts as that of a day at least: an import of an hour is no trend.
class DiskWatch {
 public:
  // Days until nothing is free; nullopt while no less is free than before.
  std::optional<double> Look(uint64_t free_bytes, int64_t now_us);

 private:
  struct Sample {
    int64_t time_us;
    uint64_t free_bytes;
  };
  std::deque<Sample> samples_;  // an hour apart
};

}  // namespace tongchou::alarms
