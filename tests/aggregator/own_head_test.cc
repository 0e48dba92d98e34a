#include "aggregator/service/own_head.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "aggregator/journal/journal.h"
#include "aggregator/service/own_log_feed.h"
#include "common/exchange/follower.h"
#include "common/ledger/cosignature.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::aggregator {
namespace {

constexpr uint32_t kCity = 360100;

base::Ed25519PrivateKey Key(char seed) {
  return *base::Ed25519PrivateKey::FromSeed(
      std::string(base::kEd25519SeedBytes, seed));
}

class OwnHeadTest : public testing::Test {
 protected:
  void SetUp() override { Open("journal"); }

  void Open(const std::string& name) {
    head_.reset();
    journal_.reset();
    auto journal = Journal::Open({directory_.path() + "/" + name});
    ASSERT_TRUE(journal.ok()) << journal.status();
    journal_ = *std::move(journal);
    OwnHeadOptions options;
    options.sign_guard = directory_.path() + "/guard.json";
    options.origin = "tongchou/360000";
    options.witnesses[kCity] = witness_.verifier();
    auto head = OwnHead::Open(options, signer_, &journal_->own_log());
    ASSERT_TRUE(head.ok()) << head.status();
    head_ = *std::move(head);
  }
  void Add(int entries) {
    for (int i = 0; i < entries; ++i) {
      v1::Access access;
      access.set_reader(std::to_string(i));
      ASSERT_TRUE(journal_->Append({}, {AccessEntry(access)}).ok());
    }
  }
  // The journal as it is now, under another name.
  void Copy(const std::string& name) {
    head_.reset();
    journal_.reset();
    std::filesystem::copy(directory_.path() + "/journal",
                          directory_.path() + "/" + name,
                          std::filesystem::copy_options::recursive);
    Open("journal");
  }

  const ledger::Signer signer_{"tongchou/360000", Key('p')};
  const ledger::Cosigner witness_{"tongchou/360000/360100/witness", Key('w')};
  TemporaryDirectory directory_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<OwnHead> head_;
};

TEST_F(OwnHeadTest, SignsWhatIsThereAndNothingTwice) {
  EXPECT_EQ(head_->Sign().value(), "");
  Add(3);
  const std::string note = head_->Sign().value();
  EXPECT_EQ(ledger::OpenCheckpoint(note, signer_.verifier())->size, 3u);
  EXPECT_EQ(head_->Sign().value(), note);
  EXPECT_EQ(head_->newest().note, note);
  Open("journal");
  EXPECT_EQ(head_->Sign().value(), note);
  EXPECT_EQ(head_->problem(), "");
}

TEST_F(OwnHeadTest, AnOldCopyBesideItsGuardSignsNothing) {
  Add(2);
  ASSERT_TRUE(head_->Sign().ok());
  Copy("old");
  Add(1);
  ASSERT_TRUE(head_->Sign().ok());
  Open("old");
  Add(1);  // what it goes on with is another history
  EXPECT_TRUE(absl::IsFailedPrecondition(head_->Sign().status()));
  EXPECT_NE(head_->problem(), "");
}

// The guard is as old as the log, but a city knows more.
TEST_F(OwnHeadTest, AHeadThatACityShowsStopsARolledBackProvince) {
  Add(2);
  ASSERT_TRUE(head_->Sign().ok());
  Copy("old");
  const std::string guard = directory_.path() + "/guard.json";
  std::filesystem::copy_file(guard, guard + ".old");
  Add(1);
  const std::string newest = head_->Sign().value();
  head_.reset();
  std::filesystem::rename(guard + ".old", guard);
  Open("old");
  ASSERT_EQ(head_->problem(), "");
  v1::Hello hello;
  hello.set_follows_province(true);
  hello.set_province_checkpoint(newest);
  OwnLogFeed feed(&journal_->own_log(), head_.get(), kCity);
  feed.Begin(hello);
  EXPECT_NE(head_->problem(), "");
  EXPECT_FALSE(head_->Sign().ok());
  EXPECT_FALSE(feed.Next()->has_value());
}

TEST_F(OwnHeadTest, AnotherHistoryOfTheSameSizeStopsIt) {
  Add(2);
  ASSERT_TRUE(head_->Sign().ok());
  const std::string other = signer_.Sign(2, ledger::HashLeaf("other"));
  EXPECT_TRUE(absl::IsFailedPrecondition(head_->Met(other).status()));
  EXPECT_FALSE(head_->Sign().ok());
}

TEST_F(OwnHeadTest, AStrangersHeadStopsNothing) {
  Add(1);
  const ledger::Signer stranger("tongchou/360000", Key('s'));
  EXPECT_FALSE(head_->Met(stranger.Sign(9, ledger::HashLeaf("x"))).ok());
  EXPECT_EQ(head_->problem(), "");
  EXPECT_TRUE(head_->Sign().ok());
}

TEST_F(OwnHeadTest, CosignaturesOfCitiesAreKeptWithTheHead) {
  Add(2);
  const std::string note = head_->Sign().value();
  ASSERT_TRUE(head_->Cosigned(kCity, witness_.Cosign(note, 77).value()).ok());
  EXPECT_EQ(head_->witnesses().at(kCity).size, 2u);
  EXPECT_EQ(head_->witnesses().at(kCity).cosigned_seconds, 77);
  const std::string kept =
      journal_->own_log().CheckpointAtOrBefore(2).value().value();
  EXPECT_EQ(ledger::VerifyCosignature(kept, witness_.verifier()).value(), 77u);
  // A start that has nothing new to sign keeps them.
  Open("journal");
  ASSERT_TRUE(head_->Sign().ok());
  EXPECT_EQ(journal_->own_log().CheckpointAtOrBefore(2).value().value(), kept);

  // Of a size at which nothing was kept.
  const std::string between = signer_.Sign(1, ledger::HashLeaf("x"));
  EXPECT_TRUE(
      head_->Cosigned(kCity, witness_.Cosign(between, 77).value()).ok());
  EXPECT_FALSE(head_->witnesses().contains(kCity));
  const std::string foreign = signer_.Sign(2, ledger::HashLeaf("other"));
  EXPECT_FALSE(
      head_->Cosigned(kCity, witness_.Cosign(foreign, 78).value()).ok());
  const ledger::Cosigner forger("tongchou/360000/360100/witness", Key('f'));
  EXPECT_FALSE(head_->Cosigned(kCity, forger.Cosign(note, 79).value()).ok());
}

TEST_F(OwnHeadTest, AFeedReachesTheNewestHeadInPieces) {
  Add(300);
  ASSERT_TRUE(head_->Sign().ok());
  exchange::Follower follower(signer_.verifier(), kCity, {});
  OwnLogFeed feed(&journal_->own_log(), head_.get(), kCity);
  v1::Hello hello;
  EXPECT_FALSE(feed.Next()->has_value()) << "nobody asked for it";
  hello.set_follows_province(true);
  feed.Begin(hello);
  const auto take_all = [&] {
    while (true) {
      auto piece = feed.Next();
      ASSERT_TRUE(piece.ok()) << piece.status();
      if (!piece->has_value()) break;
      const auto news = follower.OnPiece(**piece);
      ASSERT_TRUE(news.ok()) << news.status();
    }
  };
  take_all();
  EXPECT_EQ(follower.known().range.size(), 300u);
  Add(1);
  EXPECT_FALSE(feed.Next()->has_value()) << "not signed yet";
  ASSERT_TRUE(head_->Sign().ok());
  take_all();
  EXPECT_EQ(follower.known().range.size(), 301u);

  hello.set_province_checkpoint(follower.known().note);
  OwnLogFeed later(&journal_->own_log(), head_.get(), kCity);
  later.Begin(hello);
  EXPECT_FALSE(later.Next()->has_value());
}

}  // namespace
}  // namespace tongchou::aggregator
