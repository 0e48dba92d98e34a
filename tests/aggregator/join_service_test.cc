#include "aggregator/service/join_service.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "common/base/random.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::aggregator {
namespace {

constexpr int64_t kMinuteMicros = 60 * base::kMicrosPerSecond;

class JoinServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    auto journal = Journal::Open({directory_.path() + "/journal"});
    ASSERT_TRUE(journal.ok()) << journal.status();
    journal_ = *std::move(journal);
    JoinParts parts;
    parts.province = "360000";
    parts.journal = journal_.get();
    parts.clock = &clock_;
    service_ = std::make_unique<JoinService>(std::move(parts));
  }

  // What a token says that nobody gave out.
  grpc::StatusCode TryWrongToken() {
    grpc::ServerContext context;
    v1::JoinRequest request;
    request.set_secret(base::RandomBytes(32));
    v1::JoinResponse response;
    return service_->Join(&context, &request, &response).error_code();
  }

  TemporaryDirectory directory_;
  base::ManualClock clock_{kMinuteMicros * 1'000};
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<JoinService> service_;
};

TEST_F(JoinServiceTest, WrongTokensAreAnsweredUpToTheBoundOfAMinute) {
  for (int i = 0; i < kWrongTokensPerMinute; ++i) {
    EXPECT_EQ(TryWrongToken(), grpc::StatusCode::PERMISSION_DENIED) << i;
  }
  EXPECT_EQ(TryWrongToken(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  clock_.Advance(kMinuteMicros - 1);
  EXPECT_EQ(TryWrongToken(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  clock_.Advance(1);
  EXPECT_EQ(TryWrongToken(), grpc::StatusCode::PERMISSION_DENIED);
}

}  // namespace
}  // namespace tongchou::aggregator
