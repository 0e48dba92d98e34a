#include "common/alarms/alarm_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tongchou::alarms {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kSecond = base::kMicrosPerSecond;

class AlarmBoardTest : public testing::Test {
 protected:
  // Looks and steps once a second, for so long; what changed, as
  // "+name" and "-name".
  std::vector<std::string> See(const std::vector<Sight>& seen,
                               int64_t time_us) {
    std::vector<std::string> changes;
    for (int64_t end = clock_.NowMicros() + time_us;
         clock_.NowMicros() < end;) {
      clock_.Advance(kSecond);
      board_.Look(seen);
      Add(&changes);
    }
    return changes;
  }
  // The same without looking.
  std::vector<std::string> Hang(int64_t time_us) {
    std::vector<std::string> changes;
    for (int64_t end = clock_.NowMicros() + time_us;
         clock_.NowMicros() < end;) {
      clock_.Advance(kSecond);
      Add(&changes);
    }
    return changes;
  }
  std::vector<std::string> Active() const {
    std::vector<std::string> names;
    for (const ActiveAlarm& alarm : board_.active()) {
      names.emplace_back(alarm.sight.kind->name);
    }
    return names;
  }

  base::ManualClock clock_{1'000 * kSecond};
  AlarmBoard board_{&clock_};

 private:
  void Add(std::vector<std::string>* changes) {
    for (const AlarmChange& change : board_.Step()) {
      changes->push_back((change.begins ? "+" : "-") +
                         std::string(change.alarm.sight.kind->name));
    }
  }
};

TEST_F(AlarmBoardTest, BeginsOnceAndEndsOnce) {
  const std::vector<Sight> stalled = {{&kApplyStalled, 0, "why"}};
  EXPECT_THAT(See(stalled, kSecond), ElementsAre("+apply_stalled"));
  EXPECT_THAT(See(stalled, 100 * kSecond), IsEmpty());
  EXPECT_THAT(Active(), ElementsAre("apply_stalled"));
  EXPECT_EQ(board_.active()[0].lasted_us, 100 * kSecond);
  EXPECT_EQ(board_.active()[0].sight.text, "why");
  EXPECT_THAT(See({}, kApplyStalled.ends_after_us - kSecond), IsEmpty());
  EXPECT_THAT(See({}, kSecond), ElementsAre("-apply_stalled"));
  EXPECT_THAT(See({}, 100 * kSecond), IsEmpty());
  EXPECT_THAT(Active(), IsEmpty());
}

TEST_F(AlarmBoardTest, BeginsAfterItsTimeAndNotBefore) {
  const std::vector<Sight> silent = {{&kCitySilent, 360'100, ""}};
  ASSERT_EQ(kCitySilent.begins_after_us, 10 * kSecond);
  // First seen at the first second.
  EXPECT_THAT(See(silent, 10 * kSecond), IsEmpty());
  EXPECT_THAT(See(silent, kSecond), ElementsAre("+city_silent"));
}

TEST_F(AlarmBoardTest, WhatIsGoneForAMomentBeginsAnew) {
  const std::vector<Sight> silent = {{&kCitySilent, 360'100, ""}};
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(See(silent, 9 * kSecond), IsEmpty());
    EXPECT_THAT(See({}, kSecond), IsEmpty());
  }
}

TEST_F(AlarmBoardTest, WhatComesAndGoesIsOneAlarm) {
  const std::vector<Sight> stalled = {{&kApplyStalled, 0, ""}};
  EXPECT_THAT(See(stalled, kSecond), ElementsAre("+apply_stalled"));
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(See({}, 4 * kSecond), IsEmpty());
    EXPECT_THAT(See(stalled, kSecond), IsEmpty());
  }
  EXPECT_EQ(board_.active().size(), 1);
}

TEST_F(AlarmBoardTest, CitiesAreToldApartAndCriticalOnesComeFirst) {
  See({{&kCitySilent, 360'200, ""},
       {&kCitySilent, 360'100, ""},
       {&kDiskFull, 0, ""}},
      20 * kSecond);
  EXPECT_THAT(Active(), ElementsAre("disk_full", "city_silent", "city_silent"));
  EXPECT_EQ(board_.active()[1].sight.city, 360'100);
  EXPECT_THAT(See({{&kCitySilent, 360'200, ""}}, 5 * kSecond),
              ElementsAre("-city_silent", "-disk_full"));
  EXPECT_EQ(board_.active()[0].sight.city, 360'200);
}

TEST_F(AlarmBoardTest, OnlyStallsStopServing) {
  See({{&kDiskFull, 0, ""}, {&kReadOnly, 0, ""}}, 20 * kSecond);
  EXPECT_EQ(board_.active().size(), 2);
  EXPECT_FALSE(board_.stalled());
  See({{&kCommitStalled, 0, ""}}, kSecond);
  EXPECT_TRUE(board_.stalled());
  See({}, kCommitStalled.ends_after_us);
  EXPECT_FALSE(board_.stalled());
}

TEST_F(AlarmBoardTest, WhoDoesNotLookStandsStill) {
  See({{&kDiskFull, 0, ""}}, kSecond);
  EXPECT_THAT(Hang(kLookMicrosMax - kSecond), IsEmpty());
  EXPECT_THAT(Hang(kSecond), ElementsAre("+watch_stalled"));
  EXPECT_TRUE(board_.stalled());
  // What was seen last goes on.
  EXPECT_THAT(Active(), ElementsAre("disk_full", "watch_stalled"));
  EXPECT_THAT(See({}, 5 * kSecond),
              ElementsAre("-disk_full", "-watch_stalled"));
}

}  // namespace
}  // namespace tongchou::alarms
