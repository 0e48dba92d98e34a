#include "common/exchange/mirror_piece.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "common/ledger/bundle.h"
#include "common/ledger/signer.h"
#include "tests/common/ledger/add_with_leaf.h"
#include "tests/support/temporary_directory.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::exchange {
namespace {

base::Ed25519PrivateKey Key(char seed) {
  return *base::Ed25519PrivateKey::FromSeed(
      std::string(base::kEd25519SeedBytes, seed));
}

class MirrorPieceTest : public testing::Test {
 protected:
  void SetUp() override {
    source_ = Open("source");
    mirror_ = Open("mirror");
  }
  std::unique_ptr<ledger::LogStore> Open(const std::string& name) {
    ledger::LogStoreOptions options;
    options.directory = directory_.path() + "/" + name;
    return std::move(ledger::LogStore::Open(options)).value();
  }
  // One bundle of so many entries, each with a body of that size.
  void Append(int entries, size_t body_bytes = 10) {
    ledger::GroupCommit commit;
    const uint64_t first = source_->Head().size();
    for (int i = 0; i < entries; ++i) {
      v1::EntryHeader header;
      header.set_sequence(first + i);
      header.set_commit_time_us(static_cast<int64_t>(1'000 + first));
      commit.last_commit_time_us = header.commit_time_us();
      std::string body(body_bytes, '\0');
      std::mt19937_64 random(first + i);  // nothing to compress
      for (char& c : body) c = static_cast<char>(random());
      commit.leaf_hashes.push_back(
          ledger::AddWithLeaf(&writer_, header.SerializeAsString(), body));
    }
    commit.bundles.push_back(
        {first, static_cast<uint64_t>(entries), writer_.Finish(first)});
    ASSERT_TRUE(source_->Append(commit).ok());
  }
  v1::ProvinceLog Read(uint64_t to) {
    const auto piece = ReadPiece(
        *source_, to,
        [&](const ledger::CompactRange& end)
            -> absl::StatusOr<std::optional<std::string>> {
          if (!heads_.empty() && !heads_.contains(end.size())) {
            return std::optional<std::string>();
          }
          return std::optional(signer_.Sign(end.size(), end.Root()));
        },
        &range_);
    EXPECT_TRUE(piece.ok()) << piece.status();
    return piece.ok() ? *piece : v1::ProvinceLog();
  }
  absl::Status Verify(const v1::ProvinceLog& piece) {
    return VerifyPiece(piece, mirror_->Head(), signer_.verifier()).status();
  }
  void Keep(const v1::ProvinceLog& piece) {
    const auto verified =
        VerifyPiece(piece, mirror_->Head(), signer_.verifier());
    ASSERT_TRUE(verified.ok()) << verified.status();
    ASSERT_TRUE(mirror_->Append(verified->commit).ok());
    EXPECT_EQ(mirror_->Head().range, range_);
    EXPECT_EQ(verified->head.size, range_.size());
  }

  const ledger::Signer signer_{"tongchou/360000", Key('p')};
  TemporaryDirectory directory_;
  ledger::BundleWriter writer_;
  std::unique_ptr<ledger::LogStore> source_;
  std::unique_ptr<ledger::LogStore> mirror_;
  ledger::CompactRange range_;
  std::set<uint64_t> heads_;  // where there is one; empty: everywhere
};

TEST_F(MirrorPieceTest, PiecesCarryTheLogOver) {
  Append(3);
  Append(2);
  Keep(Read(3));
  Keep(Read(5));
  EXPECT_EQ(mirror_->Head().last_commit_time_us,
            source_->Head().last_commit_time_us);
  const v1::ProvinceLog nothing_new = Read(5);
  EXPECT_EQ(nothing_new.bundles_size(), 0);
  EXPECT_TRUE(Verify(nothing_new).ok());
}

TEST_F(MirrorPieceTest, AnEmptyLogHasAnEmptyPiece) {
  EXPECT_TRUE(Verify(Read(0)).ok());
}

// The bound of a piece: the bundle that reaches it is the last one.
TEST_F(MirrorPieceTest, APieceEndsAtItsBound) {
  for (int i = 0; i < 5; ++i) Append(1, kMirrorBytesTarget / 2);
  const v1::ProvinceLog piece = Read(5);
  size_t bytes = 0;
  for (const std::string& bundle : piece.bundles()) bytes += bundle.size();
  EXPECT_GE(bytes, kMirrorBytesTarget);
  EXPECT_LT(bytes - piece.bundles().rbegin()->size(), kMirrorBytesTarget);
  Keep(piece);
  while (range_.size() < 5) Keep(Read(5));
}

// What was kept is given back in pieces that end where a head was kept.
TEST_F(MirrorPieceTest, APieceEndsAtAHead) {
  for (int i = 0; i < 5; ++i) Append(1, kMirrorBytesTarget);
  heads_ = {4, 5};
  EXPECT_EQ(Read(5).bundles_size(), 4);
  EXPECT_EQ(Read(5).bundles_size(), 1);
  range_ = {};
  heads_ = {4};
  Read(5);
  EXPECT_TRUE(absl::IsDataLoss(
      ReadPiece(
          *source_, 5,
          [](const ledger::CompactRange&) {
            return absl::StatusOr<std::optional<std::string>>(std::nullopt);
          },
          &range_)
          .status()));
}

TEST_F(MirrorPieceTest, OtherBytesAreRefused) {
  Append(3);
  const v1::ProvinceLog sound = Read(3);
  ledger::Bundle bundle;
  ASSERT_TRUE(bundle.Decode(sound.bundles(0)).ok());
  for (int i = 0; i < 3; ++i) {
    writer_.Add(bundle.header(i), i == 1 ? "forged" : *bundle.body(i));
  }
  v1::ProvinceLog forged = sound;
  forged.set_bundles(0, writer_.Finish(0));
  EXPECT_TRUE(absl::IsDataLoss(Verify(forged))) << Verify(forged);
  for (int i = 0; i < 3; ++i) {
    if (i == 1) {
      writer_.AddWithheld(bundle.header(i), bundle.body_hash(i));
    } else {
      writer_.Add(bundle.header(i), *bundle.body(i));
    }
  }
  v1::ProvinceLog withheld = sound;
  withheld.set_bundles(0, writer_.Finish(0));
  EXPECT_TRUE(absl::IsInvalidArgument(Verify(withheld))) << Verify(withheld);
  v1::ProvinceLog cut = sound;
  cut.mutable_bundles(0)->pop_back();
  EXPECT_TRUE(absl::IsInvalidArgument(Verify(cut))) << Verify(cut);
  EXPECT_TRUE(Verify(sound).ok());
}

TEST_F(MirrorPieceTest, GapsRepeatsAndOtherHeadsAreRefused) {
  Append(2);
  const v1::ProvinceLog first = Read(2);
  Append(2);
  const v1::ProvinceLog second = Read(4);
  EXPECT_TRUE(absl::IsInvalidArgument(Verify(second))) << "a gap";
  v1::ProvinceLog piece = first;
  piece.set_checkpoint(second.checkpoint());
  EXPECT_TRUE(absl::IsInvalidArgument(Verify(piece))) << "a head beyond";
  piece.set_checkpoint(signer_.Sign(2, ledger::HashLeaf("x")));
  EXPECT_TRUE(absl::IsDataLoss(Verify(piece))) << "another root";
  const ledger::Signer stranger("tongchou/360000", Key('s'));
  piece.set_checkpoint(stranger.Sign(2, source_->RootAt(2).value()));
  EXPECT_FALSE(Verify(piece).ok()) << "another key";
  piece.clear_checkpoint();
  EXPECT_FALSE(Verify(piece).ok()) << "no head";
  const auto sound = VerifyPiece(first, mirror_->Head(), signer_.verifier());
  ASSERT_TRUE(mirror_->Append(sound->commit).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Verify(first))) << "a repeat";
  EXPECT_TRUE(Verify(second).ok());
}

}  // namespace
}  // namespace tongchou::exchange
