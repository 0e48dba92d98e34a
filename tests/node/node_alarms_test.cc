#include "node/node_alarms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "common/base/status.h"
#include "tests/node/test_node.h"

namespace tongchou::node {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kSecond = base::kMicrosPerSecond;

// A node that is connected and has sent everything.
class NodeAlarmsTest : public testing::Test {
 protected:
  NodeAlarmsTest() {
    facts_.committed = 100;
    facts_.has_uplink = true;
    facts_.uplink.state = "connected";
    facts_.uplink.positions.durable = 100;
  }
  // Looks once a second, for so long; the names that the last look saw.
  std::vector<std::string> Look(int64_t time_us) {
    for (const int64_t end = now_us_ + time_us; now_us_ < end;) {
      now_us_ += kSecond;
      seen_ = alarms_.Look(facts_, now_us_);
    }
    std::vector<std::string> names;
    for (const alarms::Sight& sight : seen_) {
      names.emplace_back(sight.kind->name);
    }
    return names;
  }

  NodeFacts facts_;
  NodeAlarms alarms_;
  int64_t now_us_ = 0;
  std::vector<alarms::Sight> seen_;
};

TEST_F(NodeAlarmsTest, NothingIsWrong) {
  EXPECT_THAT(Look(3'600 * kSecond), IsEmpty());
}

TEST_F(NodeAlarmsTest, TheLogGrowsAndNothingBecomesDurable) {
  Look(kSecond);
  facts_.committed = 101;
  // The first of these looks is the one that sees it waiting.
  EXPECT_THAT(Look(alarms::kStalledMicros), IsEmpty());
  EXPECT_THAT(Look(kSecond), ElementsAre("send_stalled"));
  EXPECT_THAT(seen_[0].text, HasSubstr("100 of 101 entries"));
  facts_.uplink.positions.durable = 101;
  EXPECT_THAT(Look(kSecond), IsEmpty());
}

// An import of millions: always behind, always getting on.
TEST_F(NodeAlarmsTest, CatchingUpIsNoStall) {
  for (int i = 0; i < 600; ++i) {
    facts_.committed += 200'000;
    facts_.uplink.positions.durable += 100'000;
    facts_.writes.waiting = 3;
    ++facts_.writes.done;
    ASSERT_THAT(Look(kSecond), IsEmpty()) << i;
  }
  // After a quarter of an hour somebody should know.
  for (int i = 0; i < 600; ++i) {
    facts_.committed += 200'000;
    facts_.uplink.positions.durable += 100'000;
    ++facts_.writes.done;
    Look(kSecond);
  }
  EXPECT_THAT(Look(kSecond), ElementsAre("backlog_grows"));
}

TEST_F(NodeAlarmsTest, WithoutTheProvince) {
  facts_.uplink.state = "not connected";
  facts_.committed = 200;
  EXPECT_THAT(Look(60 * kSecond), ElementsAre("province_unreachable"));
  EXPECT_EQ(seen_[0].text, "not connected");
  facts_.has_uplink = false;  // works alone by its configuration
  EXPECT_THAT(Look(kSecond), IsEmpty());
}

TEST_F(NodeAlarmsTest, ClocksApart) {
  facts_.uplink.clock_offset_us = alarms::kClockOffMicros;
  EXPECT_THAT(Look(kSecond), IsEmpty());
  facts_.uplink.clock_offset_us = -alarms::kClockOffMicros - 1;
  EXPECT_THAT(Look(kSecond), ElementsAre("clock_off"));
  EXPECT_EQ(seen_[0].text, "the province's clock is 60 s behind");
}

TEST_F(NodeAlarmsTest, KnownStates) {
  facts_.read_only_reason = "the sign guard is missing";
  facts_.province_log_problem = "another root";
  facts_.writes.last = base::InternalError("IO error");
  EXPECT_THAT(Look(kSecond), ElementsAre("writes_fail", "read_only",
                                         "province_log_contradicted"));
  EXPECT_EQ(seen_[1].text, "the sign guard is missing");
}

// A commit that never returns, as on a disk that hangs.
TEST_F(NodeTest, AStalledWriterIsNoticed) {
  NodeAlarms alarms;
  NodeFacts facts;
  ASSERT_TRUE(Commit({Upsert("a", "1")}).ok());
  std::promise<void> entered;
  std::promise<void> release;
  committed_ = [&](uint64_t) {
    entered.set_value();
    release.get_future().wait();
  };
  WriteGroup group;
  group.changes = {Upsert("b", "1")};
  auto committed = sequencer_->Submit(std::move(group));
  entered.get_future().wait();
  std::vector<alarms::Sight> seen;
  int64_t now = 0;
  for (; seen.empty() && now < 60 * kSecond; now += kSecond) {
    facts.writes = sequencer_->queue();
    seen = alarms.Look(facts, now);
  }
  ASSERT_EQ(seen.size(), 1);
  EXPECT_EQ(seen[0].kind, &alarms::kCommitStalled);
  EXPECT_LE(now, 10 * kSecond);
  release.set_value();
  EXPECT_TRUE(committed.get().ok());
  committed_ = [](uint64_t) {};
  EXPECT_TRUE(Commit({Upsert("c", "1")}).ok());
  facts.writes = sequencer_->queue();
  EXPECT_THAT(alarms.Look(facts, now), IsEmpty());
}

}  // namespace
}  // namespace tongchou::node
