// How far a check of the copy is, for somebody who waits at a terminal.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/base/clock.h"
#include "common/base/mutex.h"

namespace tongchou::audit {

// At most so often a line is shown.
inline constexpr int64_t kProgressMicros = 200'000;

// "1,234,567 entries, 45 %, 1,800,000 entries/s, 12 s left"
std::string FormatProgress(uint64_t entries, uint64_t bytes,
                           uint64_t bytes_total, double seconds);

// Thread-safe.
class Progress {
 public:
  // `bytes_total` is what will be read; `show` is given each line.
  Progress(uint64_t bytes_total, base::Clock* clock,
           std::function<void(const std::string&)> show);

  void Add(uint64_t entries, uint64_t bytes);
  // So much will not be read.
  void Skip(uint64_t bytes);

 private:
  base::Clock& clock_;
  const std::function<void(const std::string&)> show_;
  const int64_t begun_us_;
  base::Mutex mutex_;
  uint64_t bytes_total_ ABSL_GUARDED_BY(mutex_);
  int64_t shown_us_ ABSL_GUARDED_BY(mutex_);
  uint64_t entries_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace tongchou::audit
