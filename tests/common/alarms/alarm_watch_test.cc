#include "common/alarms/alarm_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <future>
#include <sstream>

#include "common/alarms/alarm_message.h"

namespace tongchou::alarms {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kPatience = std::chrono::seconds(20);

size_t Count(const std::string& text, const std::string& word) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(word, at)) != text.npos; ++at) ++count;
  return count;
}

// Everything that is logged meanwhile.
class CapturedLog {
 public:
  CapturedLog() {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
  }
  ~CapturedLog() { spdlog::set_default_logger(before_); }
  std::string text() const { return text_.str(); }

 private:
  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream text_;
};

TEST(AlarmWatchTest, LogsShowsAndTellsOnce) {
  CapturedLog log;
  base::ManualClock clock(0);
  AlarmBoard board(&clock);
  const auto registry = std::make_shared<prometheus::Registry>();
  std::vector<std::promise<bool>> told(2);
  size_t calls = 0;
  AlarmWatchOptions options;
  options.board = &board;
  options.program = Program::kAggregator;
  options.registry = registry;
  options.serving = [&](bool serving) { told.at(calls++).set_value(serving); };
  board.Look({{&kApplyStalled, 0, "stuck"}, {&kCityQuarantined, 360'100, "x"}});
  const auto metrics = [&] {
    return prometheus::TextSerializer().Serialize(registry->Collect());
  };
  auto watch = AlarmWatch::Start(std::move(options));
  auto stalled = told[0].get_future();
  ASSERT_EQ(stalled.wait_for(kPatience), std::future_status::ready);
  EXPECT_FALSE(stalled.get());
  EXPECT_THAT(metrics(),
              HasSubstr(R"(tongchou_alarm{alarm="apply_stalled",city="",)"
                        R"(severity="critical"} 1)"));
  EXPECT_THAT(metrics(), HasSubstr(R"(alarm="city_quarantined",city="360100",)"
                                   R"(severity="critical"} 1)"));
  EXPECT_THAT(metrics(), HasSubstr(R"({alarm="disk_full",city="",)"
                                   R"(severity="critical"} 0)"));
  EXPECT_THAT(metrics(), Not(HasSubstr("commit_stalled")));  // a node's

  board.Look({});
  clock.Advance(kApplyStalled.ends_after_us);
  auto serving = told[1].get_future();
  ASSERT_EQ(serving.wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(serving.get());
  watch.reset();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(Count(log.text(), "alarm begins: apply_stalled (critical): stuck"),
            1);
  EXPECT_EQ(Count(log.text(), "alarm ends: apply_stalled after 5 s"), 1);
  EXPECT_EQ(Count(log.text(), "city=360100"), 2);
}

TEST(AlarmMessageTest, SinceWhenIsATimeOfDay) {
  const ActiveAlarm alarm{{&kCitySilent, 360'100, "text"}, 30};
  const v1::Alarm message = ToMessage(alarm, 1'000);
  EXPECT_EQ(message.name(), "city_silent");
  EXPECT_EQ(message.severity(), v1::ALARM_SEVERITY_WARNING);
  EXPECT_EQ(message.city(), 360'100);
  EXPECT_EQ(message.since_us(), 970);
  EXPECT_EQ(message.text(), "text");
  EXPECT_EQ(message.meaning(), kCitySilent.meaning);
  EXPECT_EQ(message.remedy(), kCitySilent.remedy);
}

}  // namespace
}  // namespace tongchou::alarms
