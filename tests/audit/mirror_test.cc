#include "audit/mirror.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/signer.h"
#include "tests/common/ledger/add_with_leaf.h"
#include "tests/support/temporary_directory.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::audit {
namespace {

base::Ed25519PrivateKey Key(char seed) {
  return *base::Ed25519PrivateKey::FromSeed(
      std::string(base::kEd25519SeedBytes, seed));
}

class MirrorStoreTest : public testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    store_.reset();
    auto opened = MirrorStore::Open(directory_.path(), signer_.verifier());
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  // The next piece: one entry, signed.
  v1::ProvinceLog Piece(const std::string& record) {
    v1::EntryHeader header;
    header.set_sequence(range_.size());
    v1::EntryBody body;
    body.set_record(record);
    v1::ProvinceLog piece;
    const uint64_t first = range_.size();
    range_.Append(ledger::AddWithLeaf(&writer_, header.SerializeAsString(),
                                      body.SerializeAsString()));
    piece.add_bundles(writer_.Finish(first));
    piece.set_checkpoint(signer_.Sign(range_.size(), range_.Root()));
    return piece;
  }
  void Take(const v1::ProvinceLog& piece) {
    const absl::Status status = store_->Take(piece);
    ASSERT_TRUE(status.ok()) << status;
    pieces_.push_back(piece);
  }

  const ledger::Signer signer_{"tongchou/360000", Key('p')};
  TemporaryDirectory directory_;
  ledger::BundleWriter writer_;
  ledger::CompactRange range_;
  std::vector<v1::ProvinceLog> pieces_;
  std::unique_ptr<MirrorStore> store_;
};

TEST_F(MirrorStoreTest, WhatWasKeptIsGivenBack) {
  EXPECT_EQ(store_->note(), "");
  for (int i = 0; i < 3; ++i) Take(Piece("entry " + std::to_string(i)));
  Open();
  EXPECT_EQ(store_->size(), 3u);
  EXPECT_EQ(store_->note(), pieces_[2].checkpoint());
  for (uint64_t from = 0; from < 3; ++from) {
    ledger::CompactRange range = store_->RangeAt(from).value();
    const auto back = store_->Give(&range);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->checkpoint(), store_->note());
    ASSERT_EQ(back->bundles_size(), static_cast<int>(3 - from));
    EXPECT_EQ(back->bundles(0), pieces_[from].bundles(0));
    EXPECT_EQ(range, range_);
  }
  EXPECT_FALSE(store_->RangeAt(4).ok());
}

TEST_F(MirrorStoreTest, ASignOfLifeChangesNothing) {
  Take(Piece("entry"));
  v1::ProvinceLog life;
  life.set_checkpoint(store_->note());
  EXPECT_TRUE(store_->Take(life).ok());
  EXPECT_EQ(store_->size(), 1u);
}

// The province was set back and signs another history.
TEST_F(MirrorStoreTest, AnotherHistoryIsKeptAsEvidence) {
  Take(Piece("entry"));
  const ledger::CompactRange before = range_;
  Take(Piece("true"));
  range_ = before;
  Piece("another");
  v1::ProvinceLog other = Piece("and more");
  const absl::Status status = store_->Take(other);
  ASSERT_TRUE(absl::IsDataLoss(status)) << status;
  const std::string path = directory_.path() + "/contradiction-2.txt";
  EXPECT_NE(base::Message(status).find(path), std::string::npos) << status;
  const std::string evidence = base::ReadFile(path).value();
  EXPECT_NE(evidence.find(store_->note()), std::string::npos);
  EXPECT_NE(evidence.find(other.checkpoint()), std::string::npos);
  EXPECT_EQ(store_->size(), 2u);
  Open();
  EXPECT_EQ(store_->note(), pieces_[1].checkpoint());
}

TEST_F(MirrorStoreTest, APieceThatCannotBeIsNoEvidence) {
  Piece("left out");
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Take(Piece("a gap"))));
  for (const auto& file :
       std::filesystem::directory_iterator(directory_.path())) {
    EXPECT_EQ(file.path().filename(), "log");
  }
}

TEST_F(MirrorStoreTest, AMirrorOfAnotherKeyIsNotOpened) {
  Take(Piece("entry"));
  store_.reset();
  const ledger::Signer other("tongchou/360000", Key('o'));
  const auto opened =
      MirrorStore::Open(directory_.path(), other.verifier()).status();
  EXPECT_TRUE(absl::IsDataLoss(opened)) << opened;
  EXPECT_NE(base::Message(opened).find("not of the pinned key"),
            std::string::npos);
}

TEST_F(MirrorStoreTest, ASecondProcessIsRefused) {
  EXPECT_TRUE(absl::IsFailedPrecondition(
      MirrorStore::Open(directory_.path(), signer_.verifier()).status()));
}

}  // namespace
}  // namespace tongchou::audit
