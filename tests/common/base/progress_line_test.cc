#include "common/base/progress_line.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>
#include <sstream>

#include "common/base/display_text.h"

namespace tongchou::base {
namespace {

constexpr ProgressUnit kRows{"rows"};

TEST(FormatProgressTest, SaysRateAndTimeLeftOnceTheyCanBeTold) {
  EXPECT_EQ(FormatProgress({0, 5000}, kEntries, 0), "0 of 5,000 entries");
  EXPECT_EQ(FormatProgress({0, 5000}, kEntries, 3), "0 of 5,000 entries");
  EXPECT_EQ(FormatProgress({1200, 5200}, kEntries, 3),
            "1,200 of 5,200 entries, 400 a second, 0:10 left");
  EXPECT_EQ(FormatProgress({5200, 5200}, kEntries, 13),
            "5,200 of 5,200 entries, 400 a second, 0:00 left");
  EXPECT_EQ(FormatProgress({8 << 20, 24 << 20}, kMebibytes, 2),
            "8 of 24 MiB, 4 a second, 0:04 left");
  EXPECT_EQ(FormatProgress({3, 2}, kEntries, 1),
            "3 of 2 entries, 3 a second, 0:00 left")
      << "an estimate that was too low";
  EXPECT_EQ(FormatProgress({5, 1000}, kEntries, 10),
            "5 of 1,000 entries, 1 a second, 33:10 left");
}

TEST(FormatProgressTest, AnotherMeasureTellsThePart) {
  EXPECT_EQ(FormatProgress({5000, 0, 0.25}, kRows, 10),
            "5,000 rows, 25 %, 500 a second, 0:30 left");
  EXPECT_EQ(FormatProgress({2000, 0, 1.5}, kRows, 2),
            "2,000 rows, 100 %, 1,000 a second, 0:00 left");
  EXPECT_EQ(FormatProgress({0, 0, 0.5}, kRows, 3), "0 rows, 50 %");
  EXPECT_EQ(FormatProgress({7 << 20}, kMebibytes, 7), "7 MiB, 1 a second");
  EXPECT_EQ(FormatProgress({}, kEntries, 0), "0 entries");
}

class ProgressLineTest : public testing::Test {
 protected:
  ProgressLineTest() : file_(open_memstream(&text_, &size_)) {}
  ~ProgressLineTest() override {
    std::fclose(file_);
    std::free(text_);
  }
  // What was written since it was asked last.
  std::string Written() {
    std::fflush(file_);
    std::string written(text_ + read_, size_ - read_);
    read_ = size_;
    return written;
  }
  void After(int64_t micros, ProgressLine* line, uint64_t done) {
    clock_.Advance(micros);
    line->Show(done, 1000);
  }

  ManualClock clock_{1};

 private:
  char* text_ = nullptr;
  size_t size_ = 0;
  size_t read_ = 0;

 protected:
  std::FILE* const file_;
};

TEST_F(ProgressLineTest, CountsInOneLineOfATerminal) {
  ProgressLine line("copying", kEntries, {file_, /*terminal=*/true}, &clock_);
  After(199'999, &line, 100);
  EXPECT_EQ(Written(), "");
  After(1, &line, 200);
  EXPECT_EQ(Written(),
            "\r\x1b[Kcopying: 200 of 1,000 entries, 1,000 a second, 0:01 left");
  After(1, &line, 1000);
  EXPECT_EQ(Written(),
            "\r\x1b[Kcopying: 1,000 of 1,000 entries, 5,000 a second, "
            "0:00 left\n");
  line.Clear();
  EXPECT_EQ(Written(), "") << "the end stays";
}

TEST_F(ProgressLineTest, IsTakenAwayWithoutItsEnd) {
  {
    ProgressLine line("a.csv", kRows, {file_, /*terminal=*/true}, &clock_);
    clock_.Advance(kMicrosPerSecond);
    line.SetWhat("b.csv");
    line.Show({.done = 500, .part = 0.5});
    EXPECT_EQ(Written(),
              "\r\x1b[Kb.csv: 500 rows, 50 %, 500 a second, 0:01 left");
  }
  EXPECT_EQ(Written(), "\r\x1b[K");
}

// A line that wraps is not taken away by the next one.
TEST_F(ProgressLineTest, FitsEightyColumns) {
  std::string name;
  for (int i = 0; i < 40; ++i) name += "市";
  ProgressLine line(name + "\x1b[2J", kRows, {file_, /*terminal=*/true},
                    &clock_);
  clock_.Advance(kMicrosPerSecond);
  line.Show(500, 1000);
  const std::string shown = Written().substr(4);
  EXPECT_EQ(DisplayWidth(shown), 79u) << shown;
  EXPECT_TRUE(shown.starts_with("市市")) << shown;
  EXPECT_TRUE(
      shown.ends_with("市…: 500 of 1,000 rows, 500 a second, 0:01 left"))
      << shown;
  EXPECT_EQ(shown.find('\x1b'), std::string::npos);
}

TEST_F(ProgressLineTest, ElsewhereALineEveryTenSeconds) {
  ProgressLine line("copying", kEntries, {file_, /*terminal=*/false}, &clock_);
  After(10 * kMicrosPerSecond - 1, &line, 100);
  EXPECT_EQ(Written(), "");
  After(1, &line, 200);
  EXPECT_EQ(Written(),
            "copying: 200 of 1,000 entries, 20 a second, 0:40 left\n");
  After(1, &line, 1000);
  EXPECT_EQ(Written(),
            "copying: 1,000 of 1,000 entries, 100 a second, 0:00 left\n");
}

TEST_F(ProgressLineTest, WhatIsQuickSaysNothingElsewhere) {
  ProgressLine line("copying", kEntries, {file_, /*terminal=*/false}, &clock_);
  After(kMicrosPerSecond, &line, 1000);
  EXPECT_EQ(Written(), "");
}

// A start that is quick says nothing, a long one every two seconds.
TEST(ProgressLogTest, ShowsALineEveryTwoSeconds) {
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
            "bringing it up: 200 of 1,000 entries, 100 a second, 0:08 left\n"
            "bringing it up: 400 of 1,000 entries, 100 a second, 0:06 left\n");
}

}  // namespace
}  // namespace tongchou::base
