#include "audit/fetch.h"

#include <gtest/gtest.h>

#include "tests/audit/finding_matchers.h"
#include "tests/audit/test_archive.h"
#include "tongchou/v1/audit.grpc.pb.h"
#include "tongchou/v1/query.grpc.pb.h"

namespace tongchou::audit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A province that hands out what a test archive has.
class FakeProvince final : public v1::Audit::Service,
                           public v1::Query::Service {
 public:
  explicit FakeProvince(const TestArchive& source) : source_(source) {
    grpc::ServerBuilder builder;
    builder.RegisterService(static_cast<v1::Audit::Service*>(this));
    builder.RegisterService(static_cast<v1::Query::Service*>(this));
    server_ = builder.BuildAndStart();
  }
  std::shared_ptr<grpc::Channel> Channel() {
    return server_->InProcessChannel({});
  }

  grpc::Status ListLogs(grpc::ServerContext*, const v1::ListLogsRequest*,
                        v1::ListLogsResponse* response) override {
    for (const TestLog* log :
         {&source_.nanchang, &source_.jingdezhen, &source_.province}) {
      v1::LogSummary& summary = *response->add_logs();
      summary.set_city(log->city());
      summary.set_origin(log->signer().origin());
      summary.set_size(log->size());
    }
    return grpc::Status::OK;
  }

  grpc::Status ReadLog(
      grpc::ServerContext*, const v1::ReadLogRequest* request,
      grpc::ServerWriter<v1::ReadLogResponse>* writer) override {
    const TestLog& log =
        request->origin() == source_.nanchang.signer().origin()
            ? source_.nanchang
        : request->origin() == source_.jingdezhen.signer().origin()
            ? source_.jingdezhen
            : source_.province;
    for (size_t i = 0; i < log.bundles.size(); ++i) {
      if (log.bundles[i].first < request->from_size()) continue;
      if (bundles_until_failure-- == 0) return Gone();
      v1::ReadLogResponse response;
      response.add_bundles(log.bundles[i].Encode());
      response.add_checkpoints(log.notes[i]);
      writer->Write(response);
      ++bundles_sent;
    }
    return grpc::Status::OK;
  }

  grpc::Status ReadRecords(
      grpc::ServerContext*, const v1::ReadRecordsRequest*,
      grpc::ServerWriter<v1::ReadRecordsResponse>* writer) override {
    ++records_asked;
    v1::ReadRecordsResponse response;
    *response.mutable_basis() = source_.claims.records_basis;
    if (records_asked <= stale_records) {
      response.mutable_basis()->mutable_cities(0)->set_size(9);
    }
    writer->Write(response);
    if (records_fail) return Gone();
    for (const v1::StoredRecord& record : source_.claims.records) {
      response.Clear();
      *response.add_records() = record;
      writer->Write(response);
    }
    return grpc::Status::OK;
  }

  grpc::Status GetIndicators(
      grpc::ServerContext*, const v1::GetIndicatorsRequest*,
      grpc::ServerWriter<v1::GetIndicatorsResponse>* writer) override {
    for (const auto& response : source_.FigureAnswers()) {
      writer->Write(response);
    }
    return grpc::Status::OK;
  }

  int bundles_until_failure = -1;  // never
  int bundles_sent = 0;
  int records_asked = 0;
  int stale_records = 0;  // so many answers rest on less than the figures
  bool records_fail = false;

 private:
  static grpc::Status Gone() { return {grpc::StatusCode::UNAVAILABLE, "gone"}; }

  const TestArchive& source_;
  std::unique_ptr<grpc::Server> server_;
};

class FetchTest : public testing::Test {
 protected:
  absl::Status FetchAll(FetchOptions options = {}) {
    return Fetch(province_.Channel(), source_.policy(), copy_, options);
  }
  std::vector<std::string> Check() {
    return FindingsOf(Replay(copy_, source_.policy()));
  }
  static std::string Bytes(const std::string& path) {
    return *base::ReadFile(path);
  }

  TestArchive source_;
  FakeProvince province_{source_};
  TemporaryDirectory directory_;
  const Archive copy_{directory_.path() + "/copy"};
};

TEST_F(FetchTest, AFetchedCopyIsClean) {
  EXPECT_TRUE(FetchAll().ok());
  EXPECT_THAT(Check(), IsEmpty());
  EXPECT_EQ(province_.bundles_sent, 11);
}

TEST_F(FetchTest, OnlyWhatIsMissingIsAskedFor) {
  ASSERT_TRUE(FetchAll().ok());
  ASSERT_TRUE(FetchAll().ok());
  EXPECT_EQ(province_.bundles_sent, 11);
  source_.nanchang.Add(
      {20081101, "enrolment", EnrolmentTexts("360103", TestPerson(9), "1")});
  source_.nanchang.Sign(source_.witness);
  ASSERT_TRUE(FetchAll().ok());
  EXPECT_EQ(province_.bundles_sent, 12);
}

TEST_F(FetchTest, ATornTailIsFetchedAgain) {
  ASSERT_TRUE(FetchAll().ok());
  const std::string path = copy_.bundles(kNanchang);
  const std::string whole = Bytes(path);
  for (const size_t size : {whole.size() - 1, whole.size() / 2, size_t{3}}) {
    std::filesystem::resize_file(path, size);
    ASSERT_TRUE(FetchAll().ok());
    EXPECT_EQ(Bytes(path), whole) << size;
    EXPECT_THAT(Check(), IsEmpty()) << size;
  }
}

TEST_F(FetchTest, AnInterruptedFetchGoesOn) {
  province_.bundles_until_failure = 6;
  const absl::Status status = FetchAll();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("360200"));
  EXPECT_EQ(province_.bundles_sent, 6);
  province_.bundles_until_failure = -1;
  ASSERT_TRUE(FetchAll().ok());
  EXPECT_EQ(province_.bundles_sent, 11);
  EXPECT_THAT(Check(), IsEmpty());
}

// What was signed once and is gone proves itself: the copy stays as it is.
TEST_F(FetchTest, ALogThatShrankIsADiscrepancy) {
  ASSERT_TRUE(FetchAll().ok());
  const std::string before = Bytes(copy_.bundles(kProvinceLog));
  source_.province.bundles.pop_back();
  source_.province.notes.pop_back();
  const absl::Status status = FetchAll();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("tongchou/360000"));
  EXPECT_EQ(Bytes(copy_.bundles(kProvinceLog)), before);
}

TEST_F(FetchTest, UnfinishedClaimsLeaveTheOldOnes) {
  ASSERT_TRUE(FetchAll().ok());
  province_.records_fail = true;
  EXPECT_TRUE(absl::IsUnavailable(FetchAll()));
  EXPECT_THAT(Check(), IsEmpty());
}

TEST_F(FetchTest, UnfinishedClaimsAreNoClaims) {
  province_.records_fail = true;
  EXPECT_TRUE(absl::IsUnavailable(FetchAll()));
  ASSERT_TRUE(FetchAll({.with_claims = false}).ok());
  EXPECT_TRUE(absl::IsNotFound(Replay(copy_, source_.policy()).status()));
}

TEST_F(FetchTest, ClaimsAreTakenAgainUntilTheyRestOnTheSame) {
  province_.stale_records = 2;
  ASSERT_TRUE(FetchAll().ok());
  EXPECT_EQ(province_.records_asked, 3);
  EXPECT_THAT(Check(), IsEmpty());
  province_.stale_records = 1'000;
  EXPECT_TRUE(absl::IsUnavailable(FetchAll()));
}

TEST_F(FetchTest, OneLogAloneCanBeFetched) {
  ASSERT_TRUE(FetchAll({.with_claims = false, .city = kJingdezhen}).ok());
  EXPECT_THAT(*copy_.Cities(), ElementsAre(kJingdezhen));
  EXPECT_FALSE(base::FileExists(copy_.claimed_records()));
}

TEST_F(FetchTest, ALogWithoutAPinnedKeyIsRefused) {
  Policy policy = source_.policy();
  policy.cities.erase(kJingdezhen);
  const absl::Status status = Fetch(province_.Channel(), policy, copy_, {});
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("360200"));
}

}  // namespace
}  // namespace tongchou::audit
