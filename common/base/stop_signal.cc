#include "common/base/stop_signal.h"

#include <pthread.h>

#include <csignal>
#include <ctime>

namespace tongchou::base {
namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

StopSignal::StopSignal() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool StopSignal::WaitFor(std::chrono::milliseconds timeout) {
  const sigset_t signals = StopSignals();
  const timespec time{static_cast<time_t>(timeout.count() / 1'000),
                      static_cast<long>(timeout.count() % 1'000 * 1'000'000)};
  return sigtimedwait(&signals, nullptr, &time) > 0;
}

void StopSignal::Wait() {
  const sigset_t signals = StopSignals();
  int signal = 0;
  sigwait(&signals, &signal);
}

}  // namespace tongchou::base
