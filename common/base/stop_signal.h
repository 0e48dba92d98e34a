// SIGTERM and SIGINT as something to wait for.
#pragma once

#include <chrono>

namespace tongchou::base {

// Blocks both signals for this thread and those it will start; make it first
// in main. One per process.
class StopSignal {
 public:
  StopSignal();
  // True when a signal came within the time.
  bool WaitFor(std::chrono::milliseconds timeout);
  void Wait();
};

}  // namespace tongchou::base
