#include "common/base/progress_line.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>

namespace tongchou::base {
namespace {

TEST(ProgressLine, SaysRateAndTimeLeftOnceTheyCanBeTold) {
  EXPECT_EQ(FormatProgress(0, 5000, kEntries, 0), "0 of 5000 entries");
  EXPECT_EQ(FormatProgress(0, 5000, kEntries, 3), "0 of 5000 entries");
  EXPECT_EQ(FormatProgress(1200, 5200, kEntries, 3),
            "1200 of 5200 entries, 400 a second, 10 s left");
  EXPECT_EQ(FormatProgress(5200, 5200, kEntries, 13),
            "5200 of 5200 entries, 400 a second, 0 s left");
  EXPECT_EQ(FormatProgress(8 << 20, 24 << 20, kMebibytes, 2),
            "8 of 24 MiB, 4 a second, 4 s left");
  EXPECT_EQ(FormatProgress(3, 2, kEntries, 1),
            "3 of 2 entries, 3 a second, 0 s left")
      << "an estimate that was too low";
}

// A start that is quick says nothing, a long one every two seconds.
TEST(ProgressLog, ShowsALineEveryTwoSeconds) {
  std::ostringstream lines;
  const auto logger = std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_st>(lines));
  logger->set_pattern("%v");
  const auto usual = spdlog::default_logger();
  spdlog::set_default_logger(logger);
  ManualClock clock(1);
  ProgressLog log("bringing it up", kEntries, &clock);
  for (const uint64_t done : {100, 200, 300, 400, 500}) {
    clock.Advance(kMicrosPerSecond);
    log.Show(done, 1000);
  }
  spdlog::set_default_logger(usual);
  EXPECT_EQ(lines.str(),
            "bringing it up: 200 of 1000 entries, 100 a second, 8 s left\n"
            "bringing it up: 400 of 1000 entries, 100 a second, 6 s left\n");
}

}  // namespace
}  // namespace tongchou::base
