#include "aggregator/service/province_alarms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "aggregator/service/journal_writer.h"
#include "common/base/status.h"
#include "tests/aggregator/test_province.h"

namespace tongchou::aggregator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kSecond = base::kMicrosPerSecond;
constexpr int64_t kStart = 1'000'000 * kSecond;
constexpr uint32_t kNanchang = 360'100;
constexpr uint32_t kJiujiang = 360'400;
constexpr uint32_t kDay = 20'080'101;

// A province with two cities of which everything is applied.
class ProvinceAlarmsTest : public testing::Test {
 protected:
  ProvinceAlarmsTest() {
    facts_.time_us = kStart;
    for (const uint32_t city : {kNanchang, kJiujiang}) {
      facts_.cities[city].durable = 10;
      facts_.cities[city].news.claimed_committed = 10;
    }
    facts_.journal_ordinal = 5;
    facts_.applied.ordinal = 5;
  }
  // Looks once a second, for so long; the names that the last look saw. All
  // cities but `silent` are heard of.
  std::vector<std::string> Look(int64_t time_us, uint32_t silent = 0) {
    for (const int64_t end = now_us_ + time_us; now_us_ < end;) {
      now_us_ += kSecond;
      facts_.time_us += kSecond;
      for (auto& [city, one] : facts_.cities) {
        if (city != silent) one.news.heard_us = facts_.time_us;
      }
      seen_ = alarms_.Look(facts_, now_us_);
    }
    std::vector<std::string> names;
    for (const alarms::Sight& sight : seen_) {
      names.emplace_back(sight.kind->name);
    }
    return names;
  }

  ProvinceFacts facts_;
  ProvinceAlarms alarms_{kStart};
  int64_t now_us_ = 0;
  std::vector<alarms::Sight> seen_;
};

TEST_F(ProvinceAlarmsTest, NothingIsWrong) {
  EXPECT_THAT(Look(3'600 * kSecond), IsEmpty());
}

TEST_F(ProvinceAlarmsTest, TheJournalGrowsAndNothingIsApplied) {
  Look(kSecond);
  facts_.journal_ordinal = 6;
  EXPECT_THAT(Look(alarms::kStalledMicros), IsEmpty());
  ++facts_.journal_ordinal;
  EXPECT_THAT(Look(kSecond), ElementsAre("apply_stalled"));
  EXPECT_THAT(seen_[0].text, HasSubstr("5 of 7 groups"));
  facts_.applied.ordinal = 6;
  EXPECT_THAT(Look(kSecond), IsEmpty());
}

// A rebuild: behind for an hour, one batch takes a minute, but it gets on.
TEST_F(ProvinceAlarmsTest, CatchingUpIsNoStall) {
  facts_.journal_ordinal = 100'000;
  facts_.applied.ordinal = 0;
  for (int i = 0; i < 3'600; ++i) {
    if (i % 60 == 0) facts_.applied.ordinal += 1'000;
    if (i % 7 == 0) ++facts_.apply_steps;
    ASSERT_THAT(Look(kSecond), IsEmpty()) << i;
  }
}

TEST_F(ProvinceAlarmsTest, AnApplierThatStoppedSaysWhy) {
  facts_.apply_status = base::DataLossError("journal: entry 3 is missing");
  EXPECT_THAT(Look(kSecond), ElementsAre("apply_stalled"));
  EXPECT_THAT(seen_[0].text, HasSubstr("entry 3 is missing"));
}

TEST_F(ProvinceAlarmsTest, AQueueThatOnlyGrows) {
  for (int i = 0; i < 1'200; ++i) {
    facts_.journal_ordinal += 3;
    facts_.applied.ordinal += 2;
    Look(kSecond);
  }
  EXPECT_THAT(Look(kSecond), ElementsAre("backlog_grows"));
}

TEST_F(ProvinceAlarmsTest, TheJournalStandsStill) {
  facts_.journal.waiting = 1;
  for (int i = 0; i < 60; ++i) {
    ++facts_.journal.done;
    ASSERT_THAT(Look(kSecond), IsEmpty());
  }
  // The city that waits is not to blame.
  facts_.cities[kNanchang].news.claimed_committed = 20;
  EXPECT_THAT(Look(alarms::kStalledMicros - kSecond), IsEmpty());
  EXPECT_THAT(Look(kSecond), ElementsAre("journal_stalled"));
  EXPECT_THAT(Look(60 * kSecond), ElementsAre("journal_stalled"));
}

TEST_F(ProvinceAlarmsTest, ACityIsSilent) {
  Look(kSecond);
  EXPECT_THAT(Look(alarms::kCitySilentMicros - kSecond, kJiujiang), IsEmpty());
  facts_.cities[kJiujiang].news.problem = "a reason";
  EXPECT_THAT(Look(kSecond, kJiujiang), ElementsAre("city_silent"));
  EXPECT_EQ(seen_[0].city, kJiujiang);
  EXPECT_EQ(seen_[0].text, "last heard of 60 s ago: a reason");
  EXPECT_THAT(Look(kSecond), IsEmpty());
}

// After a start the cities have the same time to be heard of.
TEST_F(ProvinceAlarmsTest, AStartIsNoSilence) {
  facts_.cities[kNanchang].news.heard_us = 0;
  EXPECT_THAT(Look(alarms::kCitySilentMicros - kSecond, kNanchang), IsEmpty());
  EXPECT_THAT(Look(kSecond, kNanchang), ElementsAre("city_silent"));
}

TEST_F(ProvinceAlarmsTest, WhomNobodyHearsIsNotSilent) {
  facts_.log_held = true;
  facts_.log_problem = "the mirror is away";
  facts_.cities[kNanchang].news.heard_us = 0;
  EXPECT_THAT(Look(3'600 * kSecond, kNanchang), ElementsAre("log_not_signed"));
  facts_.log_held = false;
  facts_.log_problem = "";
  EXPECT_THAT(Look(30 * kSecond, kNanchang), IsEmpty());
}

TEST_F(ProvinceAlarmsTest, WhoNeverSentIsNotSilent) {
  facts_.cities[kNanchang] = {};
  EXPECT_THAT(Look(3'600 * kSecond, kNanchang), IsEmpty());
}

// Healthy while stalled: it says every second that it has more.
TEST_F(ProvinceAlarmsTest, AConnectedCityThatSendsNothing) {
  facts_.cities[kNanchang].news.claimed_committed = 11;
  EXPECT_THAT(Look(alarms::kStalledMicros), IsEmpty());
  EXPECT_THAT(Look(kSecond), ElementsAre("city_stalled"));
  EXPECT_EQ(seen_[0].city, kNanchang);
  EXPECT_THAT(seen_[0].text, HasSubstr("10 of 11 entries"));
}

TEST_F(ProvinceAlarmsTest, AQuarantinedCityIsNothingElse) {
  facts_.cities[kNanchang].news.quarantined = true;
  facts_.cities[kNanchang].news.problem = "a fork";
  EXPECT_THAT(Look(3'600 * kSecond, kNanchang),
              ElementsAre("city_quarantined"));
  EXPECT_EQ(seen_[0].text, "a fork");
}

TEST_F(ProvinceAlarmsTest, ACitysClock) {
  facts_.cities[kNanchang].news.clock_offset_us = -alarms::kClockOffMicros;
  EXPECT_THAT(Look(kSecond), IsEmpty());
  facts_.cities[kNanchang].news.clock_offset_us = alarms::kClockOffMicros + 1;
  EXPECT_THAT(Look(kSecond), ElementsAre("city_clock_off"));
  EXPECT_EQ(seen_[0].text, "its clock is 60 s ahead");
}

// A thread that stands still in the middle of its work.
class StalledApplierTest : public testing::Test {
 protected:
  void Send(int units) {
    for (int i = 0; i < units; ++i) {
      province_.Put(kNanchang, kDay, "unit",
                    {{"AAB001", absl::StrCat(++unit_)},
                     {"AAB004", "x"},
                     {"AAB301", "360102"}});
    }
    province_.Send();
  }
  std::vector<alarms::Sight> Look(int64_t now_us) {
    ProvinceFacts facts;
    facts.journal_ordinal = province_.journal().last_ordinal();
    facts.applied = province_.applier().position();
    facts.apply_steps = province_.applier().steps();
    facts.apply_status = province_.applier().status();
    return alarms_.Look(facts, now_us);
  }

  TestProvince province_;
  ProvinceAlarms alarms_{0};
  int unit_ = 0;
};

TEST_F(StalledApplierTest, IsNoticedWithinTenSeconds) {
  Send(1);
  province_.Apply();
  province_.Hold();
  Send(1);
  province_.Apply();  // returns once it is applied; the thread is held
  EXPECT_THAT(Look(0), IsEmpty());
  Send(1);
  std::vector<alarms::Sight> seen;
  int64_t now = 0;
  while (seen.empty() && now < 60 * kSecond) seen = Look(now += kSecond);
  ASSERT_EQ(seen.size(), 1);
  EXPECT_EQ(seen[0].kind, &alarms::kApplyStalled);
  EXPECT_LE(now, 10 * kSecond);
  province_.Release();
  province_.Apply();
  EXPECT_THAT(Look(now + kSecond), IsEmpty());
}

TEST_F(StalledApplierTest, ALargeBatchHasManySteps) {
  Send(1);
  province_.Apply();
  const uint64_t before = province_.applier().steps();
  Send(10'000);
  province_.Apply();
  EXPECT_GE(province_.applier().steps() - before, 10);
}

// As on a disk that hangs.
TEST(StalledJournalTest, IsNoticedWithinTenSeconds) {
  TemporaryDirectory directory;
  base::RealClock clock;
  auto journal = Journal::Open({directory.path() + "/journal"});
  ASSERT_TRUE(journal.ok()) << journal.status();
  const auto writer = JournalWriter::Start(
      journal->get(),
      ledger::Cosigner("tongchou/360000/witness",
                       base::Ed25519PrivateKey::Generate()),
      &clock, [](JournalGroup) {});
  ASSERT_TRUE(writer->Record(AccessEntry(v1::Access())).ok());
  std::promise<void> entered;
  std::promise<void> release;
  writer->SubmitEntry(AccessEntry(v1::Access()), [&](const absl::Status&) {
    entered.set_value();
    release.get_future().wait();
  });
  entered.get_future().wait();
  ProvinceAlarms alarms(0);
  ProvinceFacts facts;
  std::vector<alarms::Sight> seen;
  int64_t now = 0;
  for (; seen.empty() && now < 60 * kSecond; now += kSecond) {
    facts.journal = writer->queue();
    seen = alarms.Look(facts, now);
  }
  ASSERT_EQ(seen.size(), 1);
  EXPECT_EQ(seen[0].kind, &alarms::kJournalStalled);
  EXPECT_LE(now, 10 * kSecond);
  release.set_value();
  ASSERT_TRUE(writer->Record(AccessEntry(v1::Access())).ok());
}

}  // namespace
}  // namespace tongchou::aggregator
