// How far a check of the copy is, for somebody who waits.
#pragma once

#include <cstdint>
#include <functional>

#include "common/base/mutex.h"

namespace tongchou::audit {

// Adds up what the threads of a check have read. Thread-safe.
class Progress {
 public:
  // Called after every Add, one call at a time: the entries so far, and the
  // part of the bytes, 0 to 1.
  using Show = std::function<void(uint64_t entries, double part)>;

  // `bytes_total` is what will be read.
  Progress(uint64_t bytes_total, Show show);

  void Add(uint64_t entries, uint64_t bytes);
  // So much will not be read.
  void Skip(uint64_t bytes);

 private:
  const Show show_;
  base::Mutex mutex_;
  uint64_t bytes_total_ ABSL_GUARDED_BY(mutex_);
  uint64_t entries_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace tongchou::audit
