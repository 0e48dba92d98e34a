#include "common/base/progress_line.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace tongchou::base
