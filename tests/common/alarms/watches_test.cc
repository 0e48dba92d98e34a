#include "common/alarms/watches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/alarms/alarm.h"

namespace tongchou::alarms {
namespace {

using ::testing::DoubleNear;
using ::testing::Optional;

constexpr int64_t kSecond = base::kMicrosPerSecond;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr uint64_t kGiB = uint64_t{1} << 30;

TEST(StallWatchTest, CountsFromTheFirstLookThatSawWorkWaiting) {
  StallWatch watch;
  EXPECT_EQ(watch.Look(false, 7, 0), 0);
  EXPECT_EQ(watch.Look(true, 7, 100 * kSecond), 0);
  EXPECT_EQ(watch.Look(true, 7, 103 * kSecond), 3 * kSecond);
}

TEST(StallWatchTest, ProgressIsNoStallHoweverFarBehind) {
  StallWatch watch;
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_EQ(watch.Look(true, static_cast<uint64_t>(i), i * kSecond), 0);
  }
  EXPECT_EQ(watch.Look(true, 999, 1'004 * kSecond), 5 * kSecond);
}

// A count may begin again after a rebuild.
TEST(StallWatchTest, AChangeBackwardsIsProgressToo) {
  StallWatch watch;
  watch.Look(true, 10, 0);
  EXPECT_EQ(watch.Look(true, 3, 20 * kSecond), 0);
}

TEST(StallWatchTest, NothingWaitsNothingStalls) {
  StallWatch watch;
  watch.Look(true, 1, 0);
  EXPECT_EQ(watch.Look(true, 1, 5 * kSecond), 5 * kSecond);
  EXPECT_EQ(watch.Look(false, 1, 6 * kSecond), 0);
  EXPECT_EQ(watch.Look(true, 1, 7 * kSecond), 0);
}

// Looks once a second; what the last one of the minute said.
int AMinute(GrowthWatch* watch, int* second, uint64_t lowest) {
  int grown = 0;
  for (int i = 0; i < 60; ++i, ++*second) {
    grown = watch->Look(lowest + (i == 30 ? 0 : 1'000), *second * kSecond);
  }
  return grown;
}

TEST(GrowthWatchTest, OnlyAQueueThatIsNeverShorterGrows) {
  GrowthWatch watch;
  int second = 0;
  int grown = 0;
  int minutes = 0;
  while (grown < kGrowingMinutes) {
    grown = AMinute(&watch, &second, static_cast<uint64_t>(minutes));
    ASSERT_LE(++minutes, kGrowingMinutes + 2);
  }
  EXPECT_EQ(minutes, kGrowingMinutes + 2);
  // Once as long as before, and it counts anew.
  AMinute(&watch, &second, static_cast<uint64_t>(minutes - 1));
  EXPECT_EQ(AMinute(&watch, &second, 1'000'000), 0);
}

TEST(GrowthWatchTest, AQueueThatWasEmptyForAMomentDoesNot) {
  GrowthWatch watch;
  int second = 0;
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(AMinute(&watch, &second, 0), 0);
  }
}

TEST(DiskWatchTest, AnImportOfAnHourIsNoTrend) {
  DiskWatch watch;
  EXPECT_EQ(watch.Look(100 * kGiB, 0), std::nullopt);
  // 10 GiB in an hour: a day's use, not 240 GiB a day.
  EXPECT_THAT(watch.Look(90 * kGiB, kHour), Optional(DoubleNear(9, 0.01)));
  EXPECT_THAT(watch.Look(90 * kGiB, base::kMicrosPerDay),
              Optional(DoubleNear(9, 0.01)));
  EXPECT_THAT(watch.Look(90 * kGiB, 2 * base::kMicrosPerDay),
              Optional(DoubleNear(18, 0.01)));
}

TEST(DiskWatchTest, WhatWasUsedAWeekAgoIsForgotten) {
  DiskWatch watch;
  watch.Look(100 * kGiB, 0);
  for (int hour = 1; hour <= 24 * 8; ++hour)
    watch.Look(50 * kGiB, hour * kHour);
  EXPECT_EQ(watch.Look(50 * kGiB, 24 * 8 * kHour), std::nullopt);
}

TEST(DiskWatchTest, ADiskThatGetsEmptierIsNeverFull) {
  DiskWatch watch;
  watch.Look(10 * kGiB, 0);
  EXPECT_EQ(watch.Look(20 * kGiB, kHour), std::nullopt);
}

}  // namespace
}  // namespace tongchou::alarms
