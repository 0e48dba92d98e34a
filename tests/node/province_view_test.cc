#include "node/province_view.h"

#include <gtest/gtest.h>

#include "common/base/file.h"
#include "common/ledger/bundle.h"
#include "common/ledger/signer.h"
#include "tests/common/ledger/add_with_leaf.h"
#include "tests/support/temporary_directory.h"
#include "tongchou/v1/province.pb.h"

namespace tongchou::node {
namespace {

constexpr uint32_t kCity = 360100;

base::Ed25519PrivateKey Key(char seed) {
  return *base::Ed25519PrivateKey::FromSeed(
      std::string(base::kEd25519SeedBytes, seed));
}

// A province's log with acts for the city.
class TestProvinceLog {
 public:
  explicit TestProvinceLog(char seed) : signer_("tongchou/360000", Key(seed)) {}
  std::string key() const { return signer_.verifier().ToText(); }

  v1::ProvinceLog Act(const v1::CityAct& act) {
    v1::EntryHeader header;
    header.set_sequence(range_.size());
    header.set_type(static_cast<v1::RecordType>(
        static_cast<int>(v1::PROVINCE_RECORD_TYPE_CITY_ACT)));
    header.set_audience(kCity);
    v1::EntryBody body;
    body.set_record(act.SerializeAsString());
    const uint64_t first = range_.size();
    range_.Append(ledger::AddWithLeaf(&writer_, header.SerializeAsString(),
                                      body.SerializeAsString()));
    v1::ProvinceLog piece;
    piece.add_bundles(writer_.Finish(first));
    piece.set_checkpoint(signer_.Sign(range_.size(), range_.Root()));
    return piece;
  }
  v1::ProvinceLog Revoke(const base::Hash& certificate) {
    v1::CityAct act;
    act.set_kind(v1::CITY_ACT_KIND_REVOKE);
    act.set_certificate(std::string(certificate.view()));
    return Act(act);
  }

 private:
  const ledger::Signer signer_;
  ledger::CompactRange range_;
  ledger::BundleWriter writer_;
};

class ProvinceViewTest : public testing::Test {
 protected:
  void SetUp() override {
    config_.province = "360000";
    config_.city = kCity;
    config_.province_key = province_.key();
    config_.witness_key = directory_.path() + "/witness.pem";
    ASSERT_TRUE(
        base::WritePrivateFileDurably(config_.witness_key, Key('w').ToPem())
            .ok());
    ledger::LogStoreOptions options;
    options.directory = directory_.path() + "/log";
    log_ = *ledger::LogStore::Open(options);
    Open();
  }
  void Open() {
    view_.reset();
    auto view = ProvinceView::Open(config_, log_.get(), &clock_);
    ASSERT_TRUE(view.ok()) << view.status();
    view_ = *std::move(view);
  }

  TestProvinceLog province_{'p'};
  const base::Hash certificate_ = base::Sha256("certificate");
  base::ManualClock clock_{77'000'000};
  TemporaryDirectory directory_;
  NodeConfig config_;
  std::unique_ptr<ledger::LogStore> log_;
  std::unique_ptr<ProvinceView> view_;
};

TEST_F(ProvinceViewTest, KeepsWhatItVerifiedAndCosignsIt) {
  EXPECT_EQ(view_->note(), "");
  EXPECT_FALSE(view_->revocations().any());
  const std::string cosigned = *view_->OnPiece(province_.Revoke(certificate_));
  EXPECT_EQ(
      ledger::VerifyCosignature(
          cosigned, {"tongchou/360000/360100/witness",
                     ledger::KeyType::kCosignature, Key('w').public_key()})
          .value(),
      77u);
  Open();
  EXPECT_EQ(view_->status().size, 1u);
  EXPECT_EQ(view_->revocations().all(), std::set<base::Hash>{certificate_});
  EXPECT_NE(*view_->OnPiece(province_.Revoke(certificate_)), "");
  EXPECT_EQ(view_->status().size, 2u);
}

// A head that the province showed again after a start came with the lines of as
// many cities as a note has room for; with one more the province refused the
// cosignature and ended the city's stream.
TEST_F(ProvinceViewTest, CosignsAHeadThatManyHaveCosigned) {
  v1::ProvinceLog piece = province_.Revoke(certificate_);
  for (size_t i = 1; i < ledger::kNoteSignaturesMax; ++i) {
    const ledger::Cosigner other("other/" + std::to_string(i),
                                 Key(static_cast<char>('A' + i)));
    piece.set_checkpoint(*other.Cosign(piece.checkpoint(), 1));
  }
  const std::string cosigned = *view_->OnPiece(piece);
  const auto note = ledger::ParseNote(cosigned);
  ASSERT_TRUE(note.ok()) << note.status();
  ASSERT_EQ(note->signatures.size(), 2u);
  EXPECT_EQ(note->signatures[0].name, "tongchou/360000");
  EXPECT_EQ(note->signatures[1].name, "tongchou/360000/360100/witness");
}

TEST_F(ProvinceViewTest, AfterAContradictionNothingIsCosignedAnyMore) {
  ASSERT_NE(*view_->OnPiece(province_.Revoke(certificate_)), "");
  TestProvinceLog other('p');
  v1::CityAct act;
  act.set_reason("another history");
  other.Act(act);
  EXPECT_EQ(*view_->OnPiece(other.Act(act)), "");
  EXPECT_NE(view_->status().problem, "");
  Open();
  EXPECT_NE(view_->status().problem, "");
  EXPECT_EQ(*view_->OnPiece(province_.Revoke(certificate_)), "");
  EXPECT_EQ(view_->status().size, 1u);
  const auto evidence = log_->GetLocalFact("province-evidence");
  ASSERT_TRUE(evidence.ok() && evidence->has_value());
  EXPECT_NE((*evidence)->find("tongchou/360000\n2\n"), std::string::npos);
}

// The province lost its disk and its log: a new one under a new key.
TEST_F(ProvinceViewTest, ANewKeyBeginsANewLog) {
  ASSERT_NE(*view_->OnPiece(province_.Revoke(certificate_)), "");
  TestProvinceLog renewed('q');
  EXPECT_EQ(*view_->OnPiece(renewed.Act({})), "") << "not the pinned key";
  config_.province_key = renewed.key();
  Open();
  EXPECT_EQ(view_->note(), "");
  EXPECT_EQ(view_->status().problem, "");
  EXPECT_EQ(view_->revocations().all(), std::set<base::Hash>{certificate_});
  TestProvinceLog again('q');
  EXPECT_NE(*view_->OnPiece(again.Act({})), "");
}

}  // namespace
}  // namespace tongchou::node
