#include "audit/progress.h"

#include <algorithm>
#include <utility>

namespace tongchou::audit {

Progress::Progress(uint64_t bytes_total, Show show)
    : show_(std::move(show)), bytes_total_(bytes_total) {}

void Progress::Add(uint64_t entries, uint64_t bytes) {
  base::MutexLock lock(mutex_);
  entries_ += entries;
  bytes_ += bytes;
  show_(entries_,
        bytes_ >= bytes_total_
            ? 1.0
            : static_cast<double>(bytes_) / static_cast<double>(bytes_total_));
}

void Progress::Skip(uint64_t bytes) {
  base::MutexLock lock(mutex_);
  bytes_total_ -= std::min(bytes, bytes_total_);
}

}  // namespace tongchou::audit
