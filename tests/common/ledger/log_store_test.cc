#include "common/ledger/log_store.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <random>

#include "common/base/big_endian.h"
#include "common/ledger/bundle.h"
#include "common/ledger/head_signer.h"
#include "common/ledger/proof.h"
#include "tests/common/ledger/make_commit.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::ledger {
namespace {

class LogStoreTest : public testing::Test {
 protected:
  void Open() {
    store_.reset();
    auto opened = LogStore::Open({directory_.path() + "/log", nullptr});
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  void Append(const std::vector<int>& sizes) {
    const auto commit = MakeCommit(store_->Head().size(), sizes);
    for (const Hash& leaf : commit.leaf_hashes) expected_.Append(leaf);
    ASSERT_TRUE(store_->Append(commit).ok());
    leaves_.insert(leaves_.end(), commit.leaf_hashes.begin(),
                   commit.leaf_hashes.end());
  }

  TemporaryDirectory directory_;
  std::unique_ptr<LogStore> store_;
  CompactRange expected_;
  std::vector<Hash> leaves_;
};

TEST_F(LogStoreTest, KeepsBundlesTreeAndFactsOverReopening) {
  Open();
  EXPECT_EQ(store_->Head().size(), 0u);
  Append({1});
  Append({300, 7});
  Append({256, 256});
  GroupCommit with_id = MakeCommit(store_->Head().size(), {2});
  with_id.transaction_ids = {"t1"};
  with_id.transaction_sizes = {store_->Head().size() + 2};
  with_id.local_facts = {{"a", "1"}};
  ASSERT_TRUE(store_->Append(with_id).ok());
  for (const Hash& leaf : with_id.leaf_hashes) {
    expected_.Append(leaf);
    leaves_.push_back(leaf);
  }
  Open();
  EXPECT_EQ(store_->Head().range, expected_);
  EXPECT_EQ(**store_->FindTransaction("t1"), expected_.size());
  EXPECT_FALSE(store_->FindTransaction("t2")->has_value());
  EXPECT_EQ(**store_->GetLocalFact("a"), "1");
  EXPECT_EQ(store_->BundleAt(300)->first_sequence, 1u);
  EXPECT_TRUE(absl::IsOutOfRange(store_->BundleAt(822).status()));
  Append({1});
  for (const uint64_t size : {0u, 1u, 255u, 256u, 257u, 512u, 600u, 823u}) {
    CompactRange range;
    for (uint64_t i = 0; i < size; ++i) range.Append(leaves_[i]);
    EXPECT_EQ(*store_->RootAt(size), range.Root()) << size;
    if (size == 0) continue;
    const auto proof = store_->InclusionProofOf(size - 1, 823);
    EXPECT_TRUE(VerifyInclusion(size - 1, 823, leaves_[size - 1], *proof,
                                expected_.Root())
                    .ok());
    const auto consistency = store_->ConsistencyProofOf(size, 823);
    EXPECT_TRUE(VerifyConsistency(size, 823, range.Root(), expected_.Root(),
                                  *consistency)
                    .ok());
  }
}

// What ships without being read again must be what was written.
TEST_F(LogStoreTest, TheNewestBundlesAreInMemory) {
  Open();
  Append({10, 300});
  Append({5});
  const auto bundles = store_->RecentBundles(10, 1 << 20);
  ASSERT_EQ(bundles.size(), 2u);
  for (const auto& bundle : bundles) {
    EXPECT_EQ(bundle->bytes, store_->BundleAt(bundle->first_sequence)->bytes);
    EXPECT_EQ(bundle->end, *store_->RangeAt(bundle->end.size()));
  }
  EXPECT_EQ(bundles[0]->end.size(), 310u);
  EXPECT_EQ(bundles[1]->end.size(), 315u);
  EXPECT_EQ(store_->RecentBundles(10, 1).size(), 1u);  // at least one
  EXPECT_TRUE(store_->RecentBundles(11, 1 << 20).empty());
  EXPECT_TRUE(store_->RecentBundles(315, 1 << 20).empty());
  Open();
  EXPECT_TRUE(store_->RecentBundles(10, 1 << 20).empty());
}

TEST_F(LogStoreTest, BundlesInMemoryAreBounded) {
  Open();
  const uint64_t size = kRecentBytesMax / 4;
  for (uint64_t i = 0; i < 6; ++i) {
    BundleWriter writer;
    std::string body(size, '\0');
    std::mt19937_64 random(i);  // nothing to compress
    for (char& c : body) c = static_cast<char>(random());
    GroupCommit commit;
    commit.leaf_hashes.push_back(AddWithLeaf(&writer, "header", body));
    commit.bundles.push_back({i, 1, writer.Finish(i)});
    ASSERT_TRUE(store_->Append(commit).ok());
  }
  EXPECT_TRUE(store_->RecentBundles(2, kRecentBytesMax).empty());
  const auto kept = store_->RecentBundles(3, kRecentBytesMax);
  EXPECT_EQ(kept.size(), 3u);
  uint64_t bytes = 0;
  for (const auto& bundle : kept) bytes += bundle->bytes.size();
  EXPECT_LE(bytes, kRecentBytesMax);
}

TEST_F(LogStoreTest, ASecondProcessIsRefused) {
  Open();
  const auto second = LogStore::Open({directory_.path() + "/log", nullptr});
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
}

TEST_F(LogStoreTest, AFullDiskIsRefusedBeforeAnythingIsWritten) {
  ledger::LogStoreOptions options;
  options.directory = directory_.path() + "/log";
  options.disk_reserve_bytes = uint64_t{1} << 60;
  auto full = LogStore::Open(options);
  ASSERT_TRUE(full.ok());
  const absl::Status refused = (*full)->Append(MakeCommit(0, {5}));
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_EQ((*full)->Head().size(), 0u);
  full->reset();
  Open();
  Append({5});
}

TEST_F(LogStoreTest, CheckpointsAreFoundBySize) {
  Open();
  ASSERT_TRUE(store_->PutCheckpoint(3, "three").ok());
  ASSERT_TRUE(store_->PutCheckpoint(9, "nine").ok());
  EXPECT_FALSE(store_->CheckpointAtOrBefore(2)->has_value());
  EXPECT_EQ(**store_->CheckpointAtOrBefore(8), "three");
  EXPECT_EQ(**store_->CheckpointAtOrBefore(100), "nine");
}

TEST_F(LogStoreTest, ACheckpointComesWithItsEntries) {
  Open();
  GroupCommit commit = MakeCommit(0, {2, 3});
  commit.checkpoint = "five";
  ASSERT_TRUE(store_->Append(commit).ok());
  Append({1});
  Open();
  EXPECT_FALSE(store_->CheckpointAtOrBefore(4)->has_value());
  EXPECT_EQ(**store_->CheckpointAtOrBefore(6), "five");
}

class HeadSignerTest : public LogStoreTest {
 protected:
  std::unique_ptr<HeadSigner> OpenSigner(bool alone = true) {
    auto signer = HeadSigner::Open(directory_.path() + "/guard", "o",
                                   Signer("o", key_), store_.get(), alone);
    EXPECT_TRUE(signer.ok()) << signer.status();
    return *std::move(signer);
  }
  base::Ed25519PrivateKey key_ = base::Ed25519PrivateKey::Generate();
};

TEST_F(HeadSignerTest, AfterARestartNothingIsSignedBeforeConfirmation) {
  Open();
  auto signer = OpenSigner();
  Append({5});
  ASSERT_TRUE(signer->Sign(5, expected_.Root()).ok());
  signer = OpenSigner();
  EXPECT_EQ(signer->read_only_reason(), "");
  EXPECT_TRUE(
      absl::IsFailedPrecondition(signer->Sign(5, expected_.Root()).status()));
  ASSERT_TRUE(signer->Confirm(5, expected_.Root()).ok());
  EXPECT_TRUE(signer->Sign(5, expected_.Root()).ok());
}

// For whoever keeps the log a second time: the guard hears nothing of it.
TEST_F(HeadSignerTest, ADraftIsTheNoteThatSignGives) {
  Open();
  auto signer = OpenSigner();
  Append({5});
  const std::string draft = signer->Draft(5, expected_.Root()).value();
  EXPECT_EQ(signer->last_note(), "");
  EXPECT_EQ(signer->Sign(5, expected_.Root()).value(), draft);
  EXPECT_EQ(signer->Draft(5, expected_.Root()).value(), draft);
  EXPECT_TRUE(absl::IsDataLoss(signer->Draft(5, HashLeaf("x")).status()));
  EXPECT_TRUE(absl::IsDataLoss(signer->Draft(3, HashLeaf("x")).status()));
  EXPECT_TRUE(signer->Draft(3, store_->RootAt(3).value()).ok());
  signer = OpenSigner();
  EXPECT_TRUE(
      absl::IsFailedPrecondition(signer->Draft(5, expected_.Root()).status()))
      << "not confirmed";
}

// It may be a disk that was lost: the province knows.
TEST_F(HeadSignerTest, AFirstStartWaitsForWhoeverCanConfirmIt) {
  Open();
  auto signer = OpenSigner(/*alone=*/false);
  EXPECT_EQ(signer->read_only_reason(), "");
  Append({5});
  EXPECT_TRUE(
      absl::IsFailedPrecondition(signer->Sign(5, expected_.Root()).status()));
  signer = OpenSigner(/*alone=*/false);  // with a guard that names no note
  EXPECT_FALSE(signer->Sign(5, expected_.Root()).ok());
  ASSERT_TRUE(signer->Confirm(0, EmptyRoot()).ok());
  EXPECT_TRUE(signer->Sign(5, expected_.Root()).ok());
}

TEST_F(HeadSignerTest, AGuardThatWasBroughtBackIsOneOfASignedHead) {
  Open();
  Append({5});
  const std::string path = directory_.path() + "/guard";
  EXPECT_EQ(*HeadSigner::GuardedNote(path, "o"), "");
  const std::string note = Signer("o", key_).Sign(5, expected_.Root());
  ASSERT_TRUE(HeadSigner::RestoreGuard(path, "o", 5, note).ok());
  EXPECT_EQ(*HeadSigner::GuardedNote(path, "o"), note);
  const auto signer = OpenSigner();
  EXPECT_EQ(signer->read_only_reason(), "");
  EXPECT_FALSE(signer->Sign(5, expected_.Root()).ok());
  ASSERT_TRUE(signer->Confirm(5, expected_.Root()).ok());
  EXPECT_TRUE(signer->Sign(5, expected_.Root()).ok());
}

TEST_F(HeadSignerTest, AnOldCopyOfTheLogIsReadOnly) {
  Open();
  auto signer = OpenSigner();
  Append({5});
  ASSERT_TRUE(signer->Sign(5, expected_.Root()).ok());
  const Hash known = expected_.Root();
  store_.reset();
  directory_.Remove("log");
  expected_ = {};
  Open();
  Append({3});
  signer = OpenSigner();
  EXPECT_NE(signer->read_only_reason().find("old copy"), std::string::npos);
  EXPECT_TRUE(absl::IsFailedPrecondition(signer->Confirm(5, known)));
  EXPECT_FALSE(signer->Sign(3, expected_.Root()).ok());
}

TEST_F(HeadSignerTest, AnotherHistoryIsNotSigned) {
  Open();
  auto signer = OpenSigner();
  Append({5});
  ASSERT_TRUE(signer->Sign(5, expected_.Root()).ok());
  EXPECT_TRUE(absl::IsDataLoss(signer->Sign(5, EmptyRoot()).status()));
}

TEST_F(HeadSignerTest, AMissingGuardMakesReadOnly) {
  Open();
  { auto signer = OpenSigner(); }
  Append({5});
  directory_.Remove("guard");
  const auto signer = OpenSigner();
  EXPECT_NE(signer->read_only_reason().find("missing"), std::string::npos);
  ASSERT_TRUE(signer->Confirm(0, EmptyRoot()).ok());
  EXPECT_EQ(signer->read_only_reason(), "");
}

TEST(Bundle, RoundTripAndHashes) {
  BundleWriter writer;
  std::vector<Hash> leaves;
  for (int i = 0; i < 40; ++i) {
    leaves.push_back(
        AddWithLeaf(&writer, "h" + std::to_string(i), std::string(7 * i, 'b')));
  }
  const Hash withheld = base::Sha256("withheld");
  writer.AddWithheld("header", withheld);
  leaves.push_back(LeafHash("header", withheld));
  std::vector<Hash> made = {EmptyRoot()};  // stays
  const std::string bytes = writer.Finish(7, &made);
  EXPECT_EQ(made.front(), EmptyRoot());
  EXPECT_EQ(std::vector(made.begin() + 1, made.end()), leaves);
  const auto peeked = PeekBundle(bytes);
  EXPECT_EQ(peeked->first_sequence, 7u);
  EXPECT_EQ(peeked->end(), 48u);
  Bundle bundle;
  ASSERT_TRUE(bundle.Decode(bytes).ok());
  ASSERT_EQ(bundle.count(), 41u);
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(bundle.header(i), "h" + std::to_string(i));
    EXPECT_EQ(*bundle.body(i), std::string(7 * i, 'b'));
    EXPECT_EQ(bundle.body_hash(i), base::Sha256(std::string(7 * i, 'b')));
  }
  EXPECT_EQ(bundle.body(40), std::nullopt);
  EXPECT_EQ(bundle.body_hash(40), withheld);
  EXPECT_EQ(bundle.leaf_hashes(), leaves);
  // Another bundle in the same place has hashes of its own.
  writer.Add("header", "body");
  ASSERT_TRUE(bundle.Decode(writer.Finish(0)).ok());
  EXPECT_EQ(bundle.leaf_hash(0), LeafHash("header", base::Sha256("body")));
}

TEST(Bundle, EveryCutAndEveryFlippedByteIsRefusedOrChangesAHash) {
  BundleWriter writer;
  for (int i = 0; i < 20; ++i)
    writer.Add("header", "body " + std::to_string(i));
  const std::string bytes = writer.Finish(0);
  Bundle reference;
  ASSERT_TRUE(reference.Decode(bytes).ok());
  CompactRange expected;
  for (size_t i = 0; i < reference.count(); ++i) {
    expected.Append(reference.leaf_hash(i));
  }
  Bundle bundle;
  for (size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_FALSE(bundle.Decode(std::string_view(bytes).substr(0, i)).ok());
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x10);
    if (!bundle.Decode(flipped).ok()) continue;
    CompactRange range;
    for (size_t k = 0; k < bundle.count(); ++k) {
      range.Append(bundle.leaf_hash(k));
    }
    EXPECT_TRUE(range.Root() != expected.Root() ||
                bundle.first_sequence() != 0 || i > 4)
        << i;
  }
}

// A write that a lying disk dropped: the gap stopped the process, or was passed
// over by who read behind it.
TEST_F(LogStoreTest, AMissingBundleIsNoticed) {
  for (const uint64_t missing : {300, 0}) {
    directory_.Remove("log");
    Open();
    for (const int size : {20, 280, 10, 5}) Append({size});
    store_.reset();
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, directory_.path() + "/log", &db).ok());
    std::string key = "B";
    base::AppendBigEndian<8>(missing, &key);
    ASSERT_TRUE(db->Delete(rocksdb::WriteOptions(), key).ok());
    delete db;
    auto opened = LogStore::Open({directory_.path() + "/log", nullptr});
    if (missing == 300) {  // in the part that is hashed anew at the start
      EXPECT_TRUE(absl::IsDataLoss(opened.status())) << opened.status();
      continue;
    }
    ASSERT_TRUE(opened.ok()) << opened.status();
    const auto skip = [](StoredBundle&&) { return true; };
    EXPECT_TRUE(absl::IsDataLoss((*opened)->ReadBundles(0, skip)));
    EXPECT_TRUE(absl::IsDataLoss((*opened)->BundleAt(5).status()));
    EXPECT_TRUE((*opened)->ReadBundles(20, skip).ok());
  }
}

}  // namespace
}  // namespace tongchou::ledger
