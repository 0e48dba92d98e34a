// One line on the terminal that says how far a long command is.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace tongchou::cli {

struct Progress {
  std::string what;  // contribution.csv
  uint64_t rows = 0;
  uint64_t bytes = 0;
  uint64_t bytes_all = 0;
  std::chrono::duration<double> elapsed{};
};

// "contribution.csv  41%  12,345 rows/s  1:23 left"; without rows MiB/s.
std::string ProgressText(const Progress& progress);

// Writes to stderr when that is a terminal, from the third second on and at
// most five times a second. Thread-safe.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // `elapsed` is filled in.
  void Show(Progress progress);
  // Removes the line.
  void Clear();

 private:
  using Clock = std::chrono::steady_clock;

  std::mutex mutex_;
  const bool terminal_;
  const Clock::time_point start_;
  Clock::time_point shown_;
  bool visible_ = false;
};

}  // namespace tongchou::cli
