#include "common/base/cpu_account.h"

#include <gtest/gtest.h>

#include <ctime>
#include <thread>

namespace tongchou::base {
namespace {

CpuAccount outer("test: outer");
CpuAccount inner("test: inner");
CpuAccount twin("test: inner");

constexpr double kWork = 0.02;  // seconds

double ThreadSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) / 1e9;
}

void Work() {
  const double until = ThreadSeconds() + kWork;
  while (ThreadSeconds() < until) {
  }
}

TEST(CpuAccountTest, WorkIsChargedOnceWhereItIsDone) {
  {
    const CpuScope scope(outer);
    Work();
    {
      const CpuScope inside(inner);
      Work();
      Work();
    }
    Work();
  }
  std::thread([] {
    const CpuScope scope(twin);
    Work();
  }).join();
  auto seconds = CpuSeconds();
  EXPECT_NEAR(seconds["test: outer"], 2 * kWork, kWork / 2);
  EXPECT_NEAR(seconds["test: inner"], 3 * kWork, kWork / 2);
  EXPECT_GE(ProcessCpuSeconds(), 5 * kWork);
}

}  // namespace
}  // namespace tongchou::base
