#include "common/base/clock.h"

#include <gtest/gtest.h>

namespace tongchou::base {
namespace {

TEST(Clock, DaysOfChinaBeginEightHoursBeforeUtc) {
  // 2008-10-30T16:00:00Z is midnight of the 31st in China.
  const int64_t midnight = 1'225'382'400LL * kMicrosPerSecond;
  EXPECT_EQ(ChinaDay(midnight), 20081031u);
  EXPECT_EQ(ChinaDay(midnight - 1), 20081030u);
  EXPECT_EQ(ChinaDayStart(20081031), midnight);
}

TEST(Clock, InstantsBefore1970HaveDays) {
  EXPECT_EQ(ChinaDay(ChinaDayStart(19000101)), 19000101u);
  EXPECT_EQ(ChinaDay(ChinaDayStart(19000101) - 1), 18991231u);
}

TEST(Clock, LeapDays) {
  EXPECT_TRUE(IsValidDay(19040229));
  EXPECT_FALSE(IsValidDay(19000229));
  EXPECT_TRUE(IsValidDay(20000229));
  EXPECT_FALSE(IsValidDay(20230229));
  EXPECT_FALSE(IsValidMonth(202313));
  EXPECT_EQ(NextDay(20081231), 20090101u);
  EXPECT_EQ(NextDay(20080228), 20080229u);
}

TEST(Clock, ParsesBothFormsOfADay) {
  EXPECT_EQ(ParseDay("2008-10-31").value(), 20081031u);
  EXPECT_EQ(ParseDay("20081031").value(), 20081031u);
  EXPECT_EQ(ParseDay("2008-1-3").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(ParseDay("20081131").ok());
}

TEST(Clock, FormatsChinaTime) {
  EXPECT_EQ(FormatChinaTime(ChinaDayStart(20081031) + 34'200'000'001),
            "2008-10-31T09:30:00.000001+08:00");
}

}  // namespace
}  // namespace tongchou::base
