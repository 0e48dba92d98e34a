#include "node/returning_sources.h"

#include <gtest/gtest.h>

namespace tongchou::node {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class ReturningSourcesTest : public testing::Test {
 protected:
  // A write that is answered after a millisecond; now is then.
  void Write(uint64_t source) {
    sources_.Submitted(source, now_);
    now_ += milliseconds(1);
    sources_.Answered(source, now_);
  }
  size_t Expected() { return sources_.Expect(now_).sources; }

  ReturningSources sources_;
  ReturningSources::Clock::time_point now_{std::chrono::hours(1)};
};

TEST_F(ReturningSourcesTest, WhoHasNotComeBackYetIsNotExpected) {
  EXPECT_EQ(Expected(), 0u);
  Write(1);
  EXPECT_EQ(Expected(), 0u);
}

TEST_F(ReturningSourcesTest, WhoCameBackIsExpectedForTwiceTheTimeItTook) {
  Write(1);
  now_ += milliseconds(3);
  Write(1);
  const auto until = now_ + milliseconds(6);
  EXPECT_EQ(Expected(), 1u);
  EXPECT_EQ(sources_.Expect(now_).until, until);
  now_ = until - microseconds(1);
  EXPECT_EQ(Expected(), 1u);
  now_ = until;
  EXPECT_EQ(Expected(), 0u);
}

TEST_F(ReturningSourcesTest, NobodyIsExpectedWhileItsWriteIsUnderWay) {
  Write(1);
  now_ += milliseconds(3);
  sources_.Submitted(1, now_);
  EXPECT_EQ(Expected(), 0u);
  sources_.Submitted(1, now_);  // another over the same connection
  sources_.Answered(1, now_);
  EXPECT_EQ(Expected(), 0u);
  sources_.Answered(1, now_);
  EXPECT_EQ(Expected(), 1u);
}

TEST_F(ReturningSourcesTest, WhoIsLateIsForgotten) {
  Write(1);
  now_ += kReturnMax;
  EXPECT_EQ(Expected(), 0u);
  Write(1);
  EXPECT_EQ(sources_.Expect(now_).until, now_ + kReturnMax);
  now_ += kReturnMax + microseconds(1);
  EXPECT_EQ(Expected(), 0u);
  Write(1);
  EXPECT_EQ(Expected(), 0u);
}

TEST_F(ReturningSourcesTest, TheLastOfSeveralSaysUntilWhen) {
  for (const uint64_t source : {0, 1, 2, 3}) Write(source);
  for (const uint64_t source : {1, 2, 3, 0}) Write(source);
  const ReturningSources::Expected expected = sources_.Expect(now_);
  EXPECT_EQ(expected.sources, 3u);
  EXPECT_EQ(expected.until, now_ + milliseconds(3));
}

}  // namespace
}  // namespace tongchou::node
