// How far a long command or start is, for somebody who waits for it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/mutex.h"

namespace tongchou::base {

// What is counted: entries one by one, bytes as MiB.
struct ProgressUnit {
  std::string_view name;
  uint64_t size = 1;
};
inline constexpr ProgressUnit kEntries{"entries", 1};
inline constexpr ProgressUnit kMebibytes{"MiB", 1 << 20};

struct ProgressPoint {
  uint64_t done = 0;
  uint64_t all = 0;  // 0 = not known in this unit
  // Without `all`: the part that is done, 0 to 1, where another measure tells
  // it, such as the bytes of files whose rows are counted; 0 = not known.
  double part = 0;
};

// "1,200 of 5,000 entries, 400 a second, 0:10 left", or
// "1,200 rows, 25 %, 400 a second, 0:09 left"; what cannot be told is left out.
std::string FormatProgress(const ProgressPoint& point, ProgressUnit unit,
                           double seconds);

// Where a line is shown.
struct ProgressOutput {
  std::FILE* file;
  bool terminal;
};
ProgressOutput StandardError();

// On standard error. On a terminal one line of at most 80 columns that counts;
// elsewhere a line every ten seconds, so that what is quick says nothing. The
// end is shown and stays, a line that did not get there is taken away again.
// Thread-safe.
class ProgressLine {
 public:
  // `clock`: null = the real one; outlives it.
  ProgressLine(std::string_view what, ProgressUnit unit,
               ProgressOutput output = StandardError(), Clock* clock = nullptr);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // What it is about from now on. The counts go on.
  void SetWhat(std::string_view what);
  void Show(const ProgressPoint& point);
  void Show(uint64_t done, uint64_t all) { Show({.done = done, .all = all}); }
  // Takes the line away now.
  void Clear();

 private:
  void Erase() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ProgressUnit unit_;
  const ProgressOutput output_;
  RealClock real_clock_;
  Clock& clock_;
  const int64_t start_us_;
  Mutex mutex_;
  std::string what_ ABSL_GUARDED_BY(mutex_);
  int64_t shown_us_ ABSL_GUARDED_BY(mutex_);
  bool any_shown_ ABSL_GUARDED_BY(mutex_) = false;
  bool unfinished_ ABSL_GUARDED_BY(mutex_) = false;  // stands on the terminal
};

// In the log of a server: a line every two seconds, none when it is faster. One
// thread at a time.
class ProgressLog {
 public:
  // `clock`: null = the real one; outlives it.
  ProgressLog(std::string what, ProgressUnit unit, Clock* clock = nullptr);
  void Show(uint64_t done, uint64_t all);

 private:
  const std::string what_;
  const ProgressUnit unit_;
  RealClock real_clock_;
  Clock& clock_;
  const int64_t start_us_;
  int64_t shown_us_;
};

}  // namespace tongchou::base
