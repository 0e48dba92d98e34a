#include "aggregator/service/own_head.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "aggregator/journal/journal.h"
#include "aggregator/service/own_log_feed.h"
#include "common/base/file.h"
#include "common/base/status.h"
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
    options.mirror_required = mirror_required_;
    options.clock = &clock_;
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
  // The mirror has shown that it holds the whole log.
  ledger::Checkpoint Agree() {
    const ledger::LogHead head = journal_->own_log().Head();
    const ledger::Checkpoint shown = {"tongchou/360000", head.size(),
                                      head.range.Root()};
    EXPECT_TRUE(head_->MirrorAgrees(shown).ok()) << head_->problem();
    return shown;
  }
  // It takes what is there and says so; the head that it was given.
  std::string Keep() {
    const ledger::LogHead head = journal_->own_log().Head();
    std::string note = head_->DraftFor(head.range).value();
    EXPECT_TRUE(
        head_->MirrorKeeps({"tongchou/360000", head.size(), head.range.Root()})
            .ok());
    return note;
  }
  std::string Guard() {
    return base::ReadFile(directory_.path() + "/guard.json").value();
  }

  bool mirror_required_ = false;
  base::ManualClock clock_{1'000 * base::kMicrosPerSecond};
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

class MirroredHeadTest : public OwnHeadTest {
 protected:
  void SetUp() override {
    mirror_required_ = true;
    Open("journal");
  }
};

TEST_F(MirroredHeadTest, NothingIsAppendedBeforeTheMirrorHasShownItself) {
  EXPECT_NE(head_->hold_reason().find("mirror"), std::string::npos);
  EXPECT_NE(head_->problem(), "");
  EXPECT_TRUE(absl::IsFailedPrecondition(head_->Sign().status()));
  EXPECT_EQ(head_->MirrorShows("")->size, 0u);
  Agree();
  EXPECT_EQ(head_->hold_reason(), "");
  EXPECT_EQ(head_->problem(), "");
}

TEST_F(MirroredHeadTest, AHeadIsShownOnceTheMirrorKeepsItsEntries) {
  Agree();
  Add(3);
  EXPECT_EQ(head_->Sign().value(), "");
  EXPECT_FALSE(head_->AwaitSigned(3, std::chrono::milliseconds(1)));
  EXPECT_EQ(head_->AwaitWanted(0, std::chrono::milliseconds(0)), 3u);
  const std::string guard = Guard();
  const std::string draft =
      head_->DraftFor(journal_->own_log().Head().range).value();
  EXPECT_EQ(Guard(), guard) << "the mirror alone has it";
  EXPECT_EQ(head_->newest().note, "");
  EXPECT_EQ(journal_->own_log().CheckpointAtOrBefore(3).value(), std::nullopt);
  EXPECT_EQ(Keep(), draft);
  EXPECT_TRUE(head_->AwaitSigned(3, std::chrono::milliseconds(0)));
  EXPECT_EQ(head_->newest().note, draft);
  EXPECT_NE(Guard(), guard);
  EXPECT_EQ(journal_->own_log().CheckpointAtOrBefore(3).value(), draft);

  // What was shown before is shown after the next start, and no more.
  Add(2);
  Open("journal");
  EXPECT_EQ(head_->newest().note, draft);
  Agree();
  EXPECT_EQ(head_->newest().size, 5u);
}

TEST_F(MirroredHeadTest, AMirrorThatSaysNothingIsAway) {
  Agree();
  Add(1);
  Keep();
  clock_.Advance(kMirrorAwayMicros - 1);
  EXPECT_EQ(head_->problem(), "");
  clock_.Advance(1);
  EXPECT_NE(head_->problem().find("away for 10 s"), std::string::npos);
  EXPECT_EQ(head_->hold_reason(), "") << "entries are taken all the same";
  Keep();
  EXPECT_EQ(head_->problem(), "");
  head_->MirrorLeft();
  EXPECT_NE(head_->problem().find("away for 0 s"), std::string::npos);
  EXPECT_FALSE(head_->mirror().connected);
  EXPECT_EQ(head_->mirror().size, 1u);
}

TEST_F(MirroredHeadTest, ALostLogIsHeldUntilItIsAllBack) {
  Agree();
  Add(2);
  const std::string older = Keep();
  Copy("two");
  Agree();
  Add(3);
  const std::string newest = Keep();
  Open("empty");
  EXPECT_NE(head_->hold_reason().find("comes back"), std::string::npos);
  const auto shown = head_->MirrorShows(newest);
  EXPECT_EQ(shown->size, 5u);
  EXPECT_TRUE(absl::IsFailedPrecondition(head_->MirrorAgrees(*shown)))
      << "nothing is back yet";
  // A mirror that is behind the guard is not enough.
  Open("two");
  EXPECT_EQ(head_->MirrorShows(older)->size, 2u);
  const absl::Status refused = head_->MirrorAgrees(*head_->MirrorShows(older));
  EXPECT_NE(base::Message(refused).find("not the newest mirror"),
            std::string::npos)
      << refused;
  EXPECT_NE(head_->hold_reason(), "");
  Open("journal");
  EXPECT_TRUE(head_->MirrorAgrees(*head_->MirrorShows(newest)).ok());
  EXPECT_EQ(head_->hold_reason(), "");
  EXPECT_EQ(head_->newest().note, newest);
}

// Guard and mirror are behind, but a city knows more.
TEST_F(MirroredHeadTest, AHeadThatACityShowsHoldsTheLog) {
  Agree();
  Add(2);
  Keep();
  const ledger::LogHead head = journal_->own_log().Head();
  EXPECT_FALSE(head_->Met(signer_.Sign(9, ledger::HashLeaf("x"))).ok());
  EXPECT_NE(head_->hold_reason().find("9 entries were signed"),
            std::string::npos);
  EXPECT_FALSE(head_->MirrorAgrees({"", 2, head.range.Root()}).ok());
  EXPECT_NE(head_->hold_reason(), "");
}

TEST_F(MirroredHeadTest, AHeadThatWasMissingMayComeBack) {
  Agree();
  Add(2);
  Keep();
  Copy("old");
  const std::string guard = Guard();
  Agree();
  Add(1);
  const std::string newest = Keep();
  Open("old");
  ASSERT_TRUE(
      base::WriteFileDurably(directory_.path() + "/guard.json", guard).ok());
  Open("old");
  Agree();
  EXPECT_FALSE(head_->Met(newest).ok());
  EXPECT_NE(head_->hold_reason(), "");
  const auto shown = head_->MirrorShows(newest);
  ASSERT_EQ(shown->size, 3u);
  ledger::CompactRange range = journal_->own_log().Head().range;
  // It comes back by the same entry, as the mirror has it.
  auto source = Journal::Open({directory_.path() + "/journal"});
  ASSERT_TRUE(source.ok()) << source.status();
  ledger::GroupCommit commit;
  const auto stored = (*source)->own_log().BundleAt(2).value();
  ledger::Bundle bundle;
  ASSERT_TRUE(bundle.Decode(stored.bytes).ok());
  commit.leaf_hashes = {bundle.leaf_hash(0)};
  commit.bundles = {{2, 1, stored.bytes}};
  ASSERT_TRUE(journal_->Refill(commit).ok());
  EXPECT_TRUE(head_->MirrorAgrees(*shown).ok());
  EXPECT_EQ(head_->hold_reason(), "");
  EXPECT_EQ(head_->newest().size, 3u);
}

TEST_F(MirroredHeadTest, TheMirrorStandsInForALostGuard) {
  Agree();
  Add(2);
  const std::string note = Keep();
  head_.reset();
  std::filesystem::remove(directory_.path() + "/guard.json");
  Open("journal");
  EXPECT_FALSE(head_->MirrorAgrees(*head_->MirrorShows("")).ok());
  EXPECT_NE(head_->hold_reason(), "");
  EXPECT_TRUE(head_->MirrorAgrees(*head_->MirrorShows(note)).ok());
  EXPECT_EQ(head_->newest().note, note);
  EXPECT_NE(Guard().find("last_note"), std::string::npos);
}

TEST_F(MirroredHeadTest, AnotherHistoryAtTheMirrorStopsAll) {
  Agree();
  Add(2);
  Keep();
  const std::string other = signer_.Sign(2, ledger::HashLeaf("other"));
  EXPECT_TRUE(absl::IsFailedPrecondition(head_->MirrorShows(other).status()));
  EXPECT_NE(head_->hold_reason(), "");
  const ledger::Signer stranger("tongchou/360000", Key('s'));
  EXPECT_FALSE(
      head_->MirrorShows(stranger.Sign(2, ledger::HashLeaf("x"))).ok());
}

TEST_F(MirroredHeadTest, ALyingMirrorIsForgottenWhenTheTrueOneComes) {
  Agree();
  head_->MirrorContradicts("it sent something else");
  EXPECT_NE(head_->problem().find("something else"), std::string::npos);
  EXPECT_TRUE(head_->MirrorShows("").ok());
  Agree();
  EXPECT_EQ(head_->problem(), "");
}

TEST_F(OwnHeadTest, AMirrorThatIsAheadAsksToBeRequired) {
  Add(1);
  const std::string ahead = signer_.Sign(4, ledger::HashLeaf("x"));
  EXPECT_TRUE(absl::IsFailedPrecondition(head_->MirrorShows(ahead).status()));
  EXPECT_NE(head_->problem().find("required = true"), std::string::npos);
  EXPECT_EQ(head_->hold_reason(), "");
}

}  // namespace
}  // namespace tongchou::aggregator
