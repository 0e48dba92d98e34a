#include "common/base/cpu_account.h"

#include <ctime>

namespace tongchou::base {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

// The newest account; each knows the one before it.
std::atomic<CpuAccount*> newest = nullptr;

struct Running {
  CpuAccount* account = nullptr;
  int64_t since = 0;
};
thread_local Running running;

int64_t Nanos(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * kNanosPerSecond + time.tv_nsec;
}

}  // namespace

CpuAccount::CpuAccount(const char* name)
    : name_(name), next_(newest.exchange(this)) {}

CpuScope::CpuScope(CpuAccount& account) : outer_(running.account) {
  const int64_t now = Nanos(CLOCK_THREAD_CPUTIME_ID);
  if (outer_ != nullptr) outer_->nanoseconds_ += now - running.since;
  running = {&account, now};
}

CpuScope::~CpuScope() {
  const int64_t now = Nanos(CLOCK_THREAD_CPUTIME_ID);
  running.account->nanoseconds_ += now - running.since;
  running = {outer_, now};
}

std::map<std::string, double> CpuSeconds() {
  std::map<std::string, double> seconds;
  for (const CpuAccount* one = newest; one != nullptr; one = one->next_) {
    seconds[one->name_] +=
        static_cast<double>(one->nanoseconds_) / kNanosPerSecond;
  }
  return seconds;
}

double ProcessCpuSeconds() {
  return static_cast<double>(Nanos(CLOCK_PROCESS_CPUTIME_ID)) / kNanosPerSecond;
}

}  // namespace tongchou::base
