#include "common/exchange/follower.h"

#include <gtest/gtest.h>

#include "common/ledger/signer.h"
#include "tests/common/ledger/add_with_leaf.h"

namespace tongchou::exchange {
namespace {

constexpr uint32_t kCity = 360100;
constexpr uint32_t kOther = 360200;

base::Ed25519PrivateKey Key(char seed) {
  return *base::Ed25519PrivateKey::FromSeed(
      std::string(base::kEd25519SeedBytes, seed));
}

class FollowerTest : public testing::Test {
 protected:
  // One bundle with an entry for each of the audiences.
  std::string Bundle(const std::vector<uint32_t>& audiences) {
    const uint64_t first = range_.size();
    for (const uint32_t audience : audiences) {
      v1::EntryHeader header;
      header.set_sequence(range_.size());
      header.set_commit_time_us(static_cast<int64_t>(1'000 + range_.size()));
      header.set_audience(audience);
      v1::EntryBody body;
      body.set_salt("0123456789abcdef");
      body.set_record("for " + std::to_string(audience));
      range_.Append(ledger::AddWithLeaf(&writer_, header.SerializeAsString(),
                                        body.SerializeAsString()));
    }
    return writer_.Finish(first);
  }
  v1::ProvinceLog Piece(const std::vector<uint32_t>& audiences) {
    v1::ProvinceLog piece;
    piece.add_bundles(*BundleFor(kCity, Bundle(audiences), &writer_));
    piece.set_checkpoint(signer_.Sign(range_.size(), range_.Root()));
    return piece;
  }
  FollowedNews Take(const v1::ProvinceLog& piece) {
    auto news = follower_.OnPiece(piece);
    EXPECT_TRUE(news.ok()) << news.status();
    EXPECT_TRUE(news->has_value());
    return **news;
  }

  const ledger::Signer signer_{"tongchou/360000", Key('p')};
  ledger::CompactRange range_;
  ledger::BundleWriter writer_;
  Follower follower_{signer_.verifier(), kCity, {}};
};

TEST_F(FollowerTest, HeadsAreVerifiedAndOwnEntriesReadOthersWithheld) {
  const FollowedNews news = Take(Piece({1, 0, kOther, kCity}));
  EXPECT_EQ(news.head.range, range_);
  ASSERT_EQ(news.entries.size(), 1u);
  EXPECT_EQ(news.entries[0].header.sequence(), 3u);
  EXPECT_EQ(news.entries[0].body.record(), "for 360100");
  ledger::Bundle bundle;
  ASSERT_TRUE(bundle.Decode(Piece({1, 0, kOther, kCity}).bundles(0)).ok());
  EXPECT_TRUE(bundle.body(0).has_value());
  EXPECT_FALSE(bundle.body(1).has_value());
  EXPECT_FALSE(bundle.body(2).has_value());
  EXPECT_TRUE(bundle.body(3).has_value());
}

TEST_F(FollowerTest, PiecesWithoutAHeadWaitForOne) {
  v1::ProvinceLog first = Piece({kCity});
  first.clear_checkpoint();
  const auto none = follower_.OnPiece(first);
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_FALSE(none->has_value());
  EXPECT_EQ(follower_.known().range.size(), 0u);
  EXPECT_EQ(Take(Piece({1})).entries.size(), 1u);
}

TEST_F(FollowerTest, GoesOnFromWhatWasKept) {
  Take(Piece({1, 0}));
  const auto kept = FollowedHead::Decode(follower_.known().Encode());
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->range, range_);
  EXPECT_EQ(kept->note, follower_.known().note);
  Follower again(signer_.verifier(), kCity, *kept);
  EXPECT_TRUE(again.OnPiece(Piece({kCity})).ok());
  EXPECT_FALSE(
      FollowedHead::Decode(follower_.known().Encode().substr(0, 40)).ok());
}

TEST_F(FollowerTest, AnotherHistoryIsDataLossAndLeavesWhatIsKnown) {
  Take(Piece({1, 0}));
  const FollowedHead known = follower_.known();
  // An access entry less, numbers as they should be.
  range_ = {};
  Bundle({1, 1});
  const auto forked = follower_.OnPiece(Piece({1}));
  EXPECT_TRUE(absl::IsDataLoss(forked.status())) << forked.status();
  EXPECT_EQ(follower_.known().range, known.range);
  EXPECT_EQ(follower_.known().note, known.note);
}

TEST_F(FollowerTest, WhatCannotBeSentIsRefused) {
  v1::ProvinceLog piece = Piece({1});
  const ledger::Signer forger("tongchou/360000", Key('f'));
  piece.set_checkpoint(forger.Sign(1, range_.Root()));
  EXPECT_TRUE(absl::IsInvalidArgument(follower_.OnPiece(piece).status()));

  Follower fresh(signer_.verifier(), kCity, {});
  EXPECT_TRUE(absl::IsInvalidArgument(fresh.OnPiece(Piece({1})).status()))
      << "a gap";
  v1::ProvinceLog garbage;
  garbage.add_bundles("no bundle");
  EXPECT_TRUE(absl::IsInvalidArgument(fresh.OnPiece(garbage).status()));
}

TEST_F(FollowerTest, ABodyForThisCityMayNotBeWithheld) {
  v1::ProvinceLog piece;
  piece.add_bundles(*BundleFor(kOther, Bundle({kCity}), &writer_));
  piece.set_checkpoint(signer_.Sign(1, range_.Root()));
  EXPECT_TRUE(absl::IsDataLoss(follower_.OnPiece(piece).status()));
}

}  // namespace
}  // namespace tongchou::exchange
