#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "common/base/varint.h"
#include "tests/common/exchange/memory_peers.h"
#include "tests/common/ledger/add_with_leaf.h"

namespace tongchou::exchange {
namespace {

using testing::HasSubstr;

constexpr int64_t kNow = 1'700'000'000'000'000;

class ExchangeTest : public testing::Test {
 protected:
  ExchangeTest() {
    incarnation_.set_counter(3);
    incarnation_.set_nonce(33);
    province_.copy.incarnation_counter = 3;
    province_.copy.incarnation_nonce = 33;
  }

  UplinkConfig NodeConfig() {
    return {.origin = kOrigin,
            .province_key = province_.cosigner().verifier(),
            .incarnation = incarnation_,
            .checkpoint = log_.signed_note,
            .cosigned_checkpoint = log_.kept_note,
            .pipelined_entries_min = 0,
            .batch_spacing_us = 0};
  }
  Ingest NewIngest() { return Ingest({kCity, kOrigin, signer_.verifier()}); }
  v1::Hello MakeHello() {
    Uplink uplink(NodeConfig(), &log_);
    return (*uplink.Next(kNow))->hello();
  }
  absl::StatusOr<v1::Welcome> Greet(Ingest* ingest, const v1::Hello& hello) {
    return ingest->OnHello(
        hello, province_.copy,
        [&](uint64_t size) { return province_.RootAt(size); }, kNow);
  }
  absl::StatusOr<v1::Welcome> Greet(Ingest* ingest) {
    return Greet(ingest, MakeHello());
  }

  // Bundles behind `range`, which takes them up, with a right checkpoint.
  v1::Batch MakeBatch(ledger::CompactRange* range,
                      const std::vector<TestBundle>& bundles) {
    v1::Batch batch;
    for (const TestBundle& bundle : bundles) {
      batch.add_bundles(bundle.bytes);
      for (const ledger::Hash& leaf : bundle.leaves) range->Append(leaf);
    }
    batch.set_checkpoint(signer_.Sign(range->size(), range->Root()));
    return batch;
  }
  v1::Batch MakeBatch(const std::vector<TestBundle>& bundles) {
    ledger::CompactRange range = province_.copy.range;
    return MakeBatch(&range, bundles);
  }

  // The log and the province's copy get the same transactions.
  void Ship(const std::vector<int>& transactions) {
    for (const int entries : transactions) {
      const uint64_t first = log_.leaves().size();
      log_.AppendTransaction(entries);
      log_.Commit();
      Ingest ingest = NewIngest();
      ASSERT_TRUE(Greet(&ingest).ok());
      auto batch = ingest.OnBatch(MakeBatch({MakeTransaction(first, entries)}));
      ASSERT_TRUE(batch.ok()) << batch.status();
      log_.signed_note = batch->checkpoint;
      province_.Enqueue(*std::move(batch));
      province_.Fsync(kNow);
    }
  }

  // Greets a fresh ingest, offers the batch and expects that the ingest stays
  // as it was.
  absl::Status Refused(const v1::Batch& batch, bool fork = false) {
    Ingest ingest = NewIngest();
    if (auto welcome = Greet(&ingest); !welcome.ok()) return welcome.status();
    const uint64_t size = ingest.verified_size();
    const uint64_t committed = ingest.claimed_committed();
    const absl::Status status = ingest.OnBatch(batch).status();
    EXPECT_EQ(ingest.verified_size(), size);
    EXPECT_EQ(ingest.claimed_committed(), committed);
    EXPECT_EQ(ingest.evidence().has_value(), fork);
    const auto right =
        ingest.OnBatch(MakeBatch({MakeTransaction(size, 2, " right")}));
    EXPECT_TRUE(right.ok()) << right.status();
    return status;
  }

  v1::ProvinceMessage MakeWelcome(uint64_t size, const std::string& note) {
    v1::ProvinceMessage message;
    v1::Welcome* welcome = message.mutable_welcome();
    welcome->set_protocol_version(kProtocolVersion);
    welcome->set_durable_size(size);
    welcome->set_checkpoint(note);
    welcome->set_window_bytes(kWindowBytesMax);
    welcome->set_province_time_us(kNow);
    return message;
  }
  std::string Cosigned(uint64_t size) {
    return *province_.cosigner().Cosign(signer_.Sign(size, *log_.RootAt(size)),
                                        1'700'000'000);
  }
  absl::Status Welcomed(const v1::ProvinceMessage& welcome,
                        int64_t now_us = kNow) {
    Uplink uplink(NodeConfig(), &log_);
    EXPECT_TRUE(uplink.Next(now_us)->has_value());
    const absl::Status status = uplink.OnMessage(welcome, now_us);
    EXPECT_EQ(uplink.positions().welcomed, status.ok());
    return status;
  }
  // A welcomed uplink that sent its first batch.
  Uplink SendingUplink() {
    Uplink uplink(NodeConfig(), &log_);
    EXPECT_TRUE((*uplink.Next(kNow))->has_hello());
    EXPECT_TRUE(uplink.OnMessage(MakeWelcome(0, ""), kNow).ok());
    EXPECT_TRUE((*uplink.Next(kNow))->has_batch());
    return uplink;
  }
  // Welcomed; batches of fewer than 100 entries keep 4 ms apart.
  Uplink GatheringUplink() {
    UplinkConfig config = NodeConfig();
    config.pipelined_entries_min = 100;
    config.batch_spacing_us = 4'000;
    Uplink uplink(config, &log_);
    EXPECT_TRUE((*uplink.Next(kNow))->has_hello());
    EXPECT_TRUE(uplink.OnMessage(MakeWelcome(0, ""), kNow).ok());
    return uplink;
  }
  static v1::ProvinceMessage MakeAck(uint64_t durable, uint64_t applied,
                                     const std::string& note) {
    v1::ProvinceMessage message;
    message.mutable_ack()->set_durable_size(durable);
    message.mutable_ack()->set_applied_size(applied);
    message.mutable_ack()->set_cosigned_checkpoint(note);
    return message;
  }

  ledger::Signer signer_{kOrigin, KeyOf('c')};
  MemoryLog log_{signer_};
  MemoryProvince province_{ledger::Cosigner("province", KeyOf('p'))};
  v1::Incarnation incarnation_;
};

// --- The province's end: the greeting.

TEST_F(ExchangeTest, WelcomeTellsWhatTheProvinceHolds) {
  Ship({2, 3});
  province_.copy.applied_size = 2;
  log_.AppendTransaction(4);
  log_.Commit();
  Ingest ingest = NewIngest();
  const auto welcome = Greet(&ingest);
  ASSERT_TRUE(welcome.ok()) << welcome.status();
  EXPECT_EQ(welcome->protocol_version(), kProtocolVersion);
  EXPECT_EQ(welcome->durable_size(), 5u);
  EXPECT_EQ(welcome->applied_size(), 2u);
  EXPECT_EQ(welcome->checkpoint(), province_.copy.checkpoint);
  EXPECT_EQ(welcome->window_bytes(), kWindowBytesMax);
  EXPECT_EQ(welcome->province_time_us(), kNow);
  EXPECT_EQ(ingest.verified_size(), 5u);
  EXPECT_EQ(ingest.claimed_committed(), 9u);
  EXPECT_EQ(ingest.incarnation().nonce(), 33u);
}

TEST_F(ExchangeTest, AForeignOriginIsRefused) {
  v1::Hello hello = MakeHello();
  hello.set_origin("tongchou/360000/360200");
  Ingest ingest = NewIngest();
  const absl::Status status = Greet(&ingest, hello).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(base::Describe(status), HasSubstr("360200"));
}

TEST_F(ExchangeTest, AnotherProtocolIsRefused) {
  v1::Hello hello = MakeHello();
  hello.set_protocol_version(kProtocolVersion + 1);
  Ingest ingest = NewIngest();
  EXPECT_TRUE(absl::IsInvalidArgument(Greet(&ingest, hello).status()));
}

TEST_F(ExchangeTest, ASecondHelloIsRefused) {
  Ingest ingest = NewIngest();
  ASSERT_TRUE(Greet(&ingest).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Greet(&ingest).status()));
}

TEST_F(ExchangeTest, AQuarantinedCityIsRefusedWithTheReason) {
  province_.copy.quarantine = "forked on Monday";
  Ingest ingest = NewIngest();
  const absl::Status status = Greet(&ingest).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(base::Describe(status), HasSubstr("forked on Monday"));
}

TEST_F(ExchangeTest, ACloneIsRefusedAndAReconnectIsNot) {
  const std::vector<std::pair<uint64_t, uint64_t>> clones = {
      {2, 33}, {2, 7}, {3, 34}};
  for (const auto& [counter, nonce] : clones) {
    incarnation_.set_counter(counter);
    incarnation_.set_nonce(nonce);
    Ingest ingest = NewIngest();
    const absl::Status status = Greet(&ingest).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(base::Describe(status), HasSubstr("clone"));
  }
  const std::vector<std::pair<uint64_t, uint64_t>> owners = {{3, 33}, {4, 1}};
  for (const auto& [counter, nonce] : owners) {
    incarnation_.set_counter(counter);
    incarnation_.set_nonce(nonce);
    Ingest ingest = NewIngest();
    EXPECT_TRUE(Greet(&ingest).ok());
  }
}

// --- The province's end: the signed start.

class StartTest : public ExchangeTest {
 protected:
  // A Hello whose start is this note. What does not count leaves no trace, and
  // the true node is welcome behind it.
  absl::Status Offer(const std::string& note) {
    v1::Hello hello = MakeHello();
    hello.mutable_incarnation()->set_counter(1'000);
    hello.set_start(note);
    Ingest ingest = NewIngest();
    const absl::Status status = Greet(&ingest, hello).status();
    EXPECT_EQ(ingest.CheckHello(hello, province_.copy), status);
    EXPECT_FALSE(ingest.evidence().has_value());
    if (!status.ok()) {
      EXPECT_EQ(ingest.incarnation().counter(), 0u);
      EXPECT_TRUE(Greet(&ingest).ok());
      EXPECT_EQ(ingest.incarnation().counter(), 3u);
    }
    return status;
  }
  static std::string Signed(const ledger::Start& start,
                            const ledger::Signer& signer) {
    return ledger::SignStart(start, {&signer, 1});
  }

  const ledger::Start later_ = {kOrigin, 1'000, 1};
};

TEST_F(StartTest, OneThatNobodySignedDoesNotCount) {
  const absl::Status status = Offer("");
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(base::Describe(status), HasSubstr("upgrade it"));
  EXPECT_THAT(base::Describe(status), HasSubstr("revoke that"));
}

TEST_F(StartTest, OnlyTheLogsKeySigns) {
  const absl::Status thief =
      Offer(Signed(later_, ledger::Signer(kOrigin, KeyOf('x'))));
  EXPECT_TRUE(absl::IsPermissionDenied(thief)) << thief;
  EXPECT_THAT(base::Describe(thief), HasSubstr("there is no signature of"));
  EXPECT_THAT(base::Describe(thief), HasSubstr("revoke that"));
  std::string changed = Signed(later_, signer_);
  changed[changed.find("1000")] = '2';
  EXPECT_TRUE(absl::IsDataLoss(Offer(changed)));
  ledger::Start other = later_;
  other.origin = "tongchou/360000/360200";
  const absl::Status status = Offer(Signed(other, signer_));
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(base::Describe(status), HasSubstr("of tongchou/360000/360200"));
  EXPECT_TRUE(absl::IsInvalidArgument(Offer("x")));
  EXPECT_TRUE(absl::IsInvalidArgument(Offer(signer_.Sign(0, ledger::Hash()))))
      << "a checkpoint";
  EXPECT_TRUE(absl::IsInvalidArgument(
      Offer(ledger::SignHeartbeat({.origin = kOrigin}, signer_))));
}

TEST_F(StartTest, AnOlderNoteShownAgainIsAClone) {
  for (const ledger::Start& start :
       {ledger::Start{kOrigin, 2, 33}, ledger::Start{kOrigin, 3, 34}}) {
    const absl::Status status = Offer(Signed(start, signer_));
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(base::Describe(status), HasSubstr("clone"));
  }
}

TEST_F(StartTest, WhatIsSignedCountsNotWhatIsSaidBesideIt) {
  v1::Hello hello = MakeHello();
  hello.clear_incarnation();
  hello.set_start(Signed(later_, signer_));
  Ingest ingest = NewIngest();
  const absl::Status status = Greet(&ingest, hello).status();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(ingest.incarnation().counter(), 1'000u);
  EXPECT_EQ(ingest.incarnation().nonce(), 1u);
}

TEST_F(StartTest, AFileHasNoneAndChangesNone) {
  v1::Hello hello = MakeHello();
  hello.mutable_incarnation()->set_counter(1'000);
  for (const std::string& note : {std::string(), Signed(later_, signer_)}) {
    hello.set_start(note);
    Ingest ingest({.city = kCity,
                   .origin = kOrigin,
                   .city_keys = signer_.verifier(),
                   .from_file = true});
    const absl::Status status = Greet(&ingest, hello).status();
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(ingest.incarnation().counter(), 3u);
    EXPECT_EQ(ingest.incarnation().nonce(), 33u);
  }
}

// --- The province's end: history.

TEST_F(ExchangeTest, ACheckpointOfAnotherKeyIsDataLoss) {
  const ledger::Signer other(kOrigin, KeyOf('x'));
  for (const std::string& note :
       {other.Sign(0, ledger::EmptyRoot()), std::string("no note")}) {
    v1::Hello hello = MakeHello();
    hello.set_checkpoint(note);
    Ingest ingest = NewIngest();
    const absl::Status status = Greet(&ingest, hello).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_FALSE(ingest.evidence().has_value());
  }
}

TEST_F(ExchangeTest, AForkIsRefusedWithBothNotesAsEvidence) {
  Ship({2, 3});
  MemoryLog forked(signer_);
  forked.AppendTransaction(2, " forked");
  forked.AppendTransaction(3);
  for (const uint64_t size : {2u, 5u}) {
    v1::Hello hello = MakeHello();
    hello.set_checkpoint(signer_.Sign(size, *forked.RootAt(size)));
    Ingest ingest = NewIngest();
    const absl::Status status = Greet(&ingest, hello).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    ASSERT_TRUE(ingest.evidence().has_value());
    EXPECT_EQ(ingest.evidence()->known_note, province_.copy.checkpoint);
    EXPECT_EQ(ingest.evidence()->offered_note, hello.checkpoint());
    EXPECT_THAT(ingest.evidence()->explanation, HasSubstr("fork"));
    EXPECT_TRUE(absl::IsInvalidArgument(ingest.OnBatch({}).status()));
  }
}

TEST_F(ExchangeTest, EveryEarlierHeadOfTheSameLogIsWelcome) {
  Ship({2, 3, 1});
  for (const uint64_t size : {0u, 1u, 2u, 5u, 6u}) {
    v1::Hello hello = MakeHello();
    hello.set_checkpoint(signer_.Sign(size, *log_.RootAt(size)));
    Ingest ingest = NewIngest();
    EXPECT_TRUE(Greet(&ingest, hello).ok()) << size;
  }
}

TEST_F(ExchangeTest, ANodeBehindItsPastIsToldSo) {
  Ship({2, 3});
  v1::Hello hello = MakeHello();
  hello.set_committed_size(2);
  hello.set_checkpoint(signer_.Sign(2, *log_.RootAt(2)));
  Ingest ingest = NewIngest();
  const absl::Status status = Greet(&ingest, hello).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(base::Describe(status), HasSubstr("behind its own past"));
  EXPECT_FALSE(ingest.evidence().has_value());
}

// --- The province's end: batches.

TEST_F(ExchangeTest, AVerifiedBatchIsWhatTheJournalStores) {
  Ship({2});
  Ingest ingest = NewIngest();
  ASSERT_TRUE(Greet(&ingest).ok());
  const std::vector<TestBundle> bundles = {MakeTransaction(2, 3),
                                           MakeTransaction(5, 1)};
  const v1::Batch batch = MakeBatch(bundles);
  const auto verified = ingest.OnBatch(batch);
  ASSERT_TRUE(verified.ok()) << verified.status();
  ASSERT_EQ(verified->bundles.size(), 2u);
  EXPECT_EQ(verified->bundles[1].first_sequence, 5u);
  EXPECT_EQ(verified->bundles[1].count, 1u);
  EXPECT_EQ(verified->bundles[1].bytes, bundles[1].bytes);
  EXPECT_EQ(verified->end_size, 6u);
  EXPECT_EQ(verified->last_commit_time_us, 1002);
  EXPECT_EQ(verified->checkpoint, batch.checkpoint());
  EXPECT_EQ(verified->range.size(), 6u);
  EXPECT_EQ(ingest.verified_size(), 6u);
  EXPECT_EQ(ingest.claimed_committed(), 6u);
}

TEST_F(ExchangeTest, NothingIsTakenBeforeTheHello) {
  Ingest ingest = NewIngest();
  EXPECT_TRUE(absl::IsInvalidArgument(
      ingest.OnBatch(MakeBatch({MakeTransaction(0, 1)})).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ingest.OnHeartbeat({}, kNow).status()));
}

TEST_F(ExchangeTest, AGapOrARepeatIsRefused) {
  Ship({2, 2});
  const absl::Status gap = Refused(MakeBatch({MakeTransaction(5, 1)}));
  EXPECT_TRUE(absl::IsInvalidArgument(gap)) << gap;
  EXPECT_THAT(base::Describe(gap), HasSubstr("gap"));
  const absl::Status repeat = Refused(MakeBatch({MakeTransaction(2, 2)}));
  EXPECT_TRUE(absl::IsInvalidArgument(repeat)) << repeat;
  EXPECT_THAT(base::Describe(repeat), HasSubstr("repeat"));
  const absl::Status inner =
      Refused(MakeBatch({MakeTransaction(4, 2), MakeTransaction(7, 2)}));
  EXPECT_TRUE(absl::IsInvalidArgument(inner)) << inner;
  EXPECT_TRUE(absl::IsInvalidArgument(Refused(MakeBatch({}))));
}

TEST_F(ExchangeTest, ACutTransactionIsRefused) {
  const TestBundle cut =
      MakeBundle(0, {MakeEntry(0, true, "a"), MakeEntry(1, false, "b")});
  const absl::Status status = Refused(MakeBatch({cut}));
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(base::Describe(status), HasSubstr("behind entry 1"));
}

TEST_F(ExchangeTest, AWrongRootIsDataLossWithoutAFork) {
  Ship({2});
  v1::Batch batch = MakeBatch({MakeTransaction(2, 2)});
  batch.set_checkpoint(signer_.Sign(4, ledger::HashLeaf("another")));
  const absl::Status status = Refused(batch);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(base::Describe(status), HasSubstr("entries 2 to 3"));
}

TEST_F(ExchangeTest, TwoSignedRootsAtTheCopysSizeAreAFork) {
  Ship({2});
  v1::Batch batch = MakeBatch({MakeTransaction(2, 2)});
  batch.set_checkpoint(signer_.Sign(2, ledger::HashLeaf("another")));
  const absl::Status status = Refused(batch, /*fork=*/true);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

TEST_F(ExchangeTest, AHeadClaimedInTheHelloBindsLaterBatches) {
  Ship({2});
  MemoryLog claimed(signer_);
  claimed.AppendTransaction(2);
  claimed.AppendTransaction(3, " claimed");
  v1::Hello hello = MakeHello();
  hello.set_checkpoint(signer_.Sign(5, *claimed.RootAt(5)));
  hello.set_committed_size(5);
  // It ends at the claimed size, and it passes by it.
  for (const int entries : {3, 4}) {
    Ingest ingest = NewIngest();
    ASSERT_TRUE(Greet(&ingest, hello).ok());
    const v1::Batch batch = MakeBatch({MakeTransaction(2, entries)});
    const absl::Status status = ingest.OnBatch(batch).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    ASSERT_TRUE(ingest.evidence().has_value());
    EXPECT_EQ(ingest.evidence()->known_note, hello.checkpoint());
    EXPECT_EQ(ingest.evidence()->offered_note, batch.checkpoint());
    EXPECT_EQ(ingest.verified_size(), 2u);
  }
  Ingest ingest = NewIngest();
  ASSERT_TRUE(Greet(&ingest, hello).ok());
  const v1::Batch kept =
      MakeBatch({MakeTransaction(2, 3, " claimed"), MakeTransaction(5, 1)});
  EXPECT_TRUE(ingest.OnBatch(kept).ok());
}

TEST_F(ExchangeTest, ACheckpointOfAnotherSizeOrKeyIsRefused) {
  v1::Batch batch = MakeBatch({MakeTransaction(0, 2)});
  ledger::CompactRange range;
  MakeBatch(&range, {MakeTransaction(0, 3)});
  batch.set_checkpoint(signer_.Sign(3, range.Root()));
  EXPECT_TRUE(absl::IsInvalidArgument(Refused(batch)));
  batch = MakeBatch({MakeTransaction(0, 2)});
  const auto head =
      ledger::OpenCheckpoint(batch.checkpoint(), signer_.verifier());
  batch.set_checkpoint(ledger::Signer(kOrigin, KeyOf('x')).Sign(2, head->root));
  EXPECT_TRUE(absl::IsDataLoss(Refused(batch)));
  batch.clear_checkpoint();
  EXPECT_TRUE(absl::IsDataLoss(Refused(batch)));
}

TEST_F(ExchangeTest, AChangedBodyByteIsDataLoss) {
  v1::Batch batch = MakeBatch({MakeTransaction(0, 2, "a")});
  batch.set_bundles(0, MakeTransaction(0, 2, "b").bytes);
  const absl::Status status = Refused(batch);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

TEST_F(ExchangeTest, NoChangedByteOfABundleChangesTheLog) {
  const v1::Batch batch = MakeBatch({MakeTransaction(0, 3)});
  ledger::CompactRange range;
  MakeBatch(&range, {MakeTransaction(0, 3)});
  for (size_t i = 0; i < batch.bundles(0).size(); ++i) {
    v1::Batch changed = batch;
    (*changed.mutable_bundles(0))[i] ^= 0x10;
    Ingest ingest = NewIngest();
    ASSERT_TRUE(Greet(&ingest).ok());
    const auto verified = ingest.OnBatch(changed);
    if (verified.ok()) {
      EXPECT_EQ(verified->range, range) << i;
    } else {
      EXPECT_EQ(ingest.verified_size(), 0u);
    }
  }
}

TEST_F(ExchangeTest, AWrongHeaderIsNamed) {
  Ship({2});
  TestEntry skipped = MakeEntry(3, true, "a");
  skipped.header.set_sequence(4);
  TestEntry earlier = MakeEntry(3, true, "a");
  earlier.header.set_commit_time_us(1000);
  for (const TestEntry& wrong : {skipped, earlier}) {
    const TestBundle bundle = MakeBundle(2, {MakeEntry(2, true, "b"), wrong});
    const absl::Status status = Refused(MakeBatch({bundle}));
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(base::Describe(status), HasSubstr("entry 3"));
  }
  // Earlier than the last entry of the copy.
  TestEntry first = MakeEntry(2, true, "a");
  first.header.set_commit_time_us(999);
  EXPECT_TRUE(absl::IsDataLoss(Refused(MakeBatch({MakeBundle(2, {first})}))));
  TestBundle garbage;
  garbage.first = 2;
  ledger::BundleWriter writer;
  garbage.leaves.push_back(ledger::AddWithLeaf(&writer, "\xff\xff", "body"));
  garbage.bytes = writer.Finish(2);
  const absl::Status status = Refused(MakeBatch({garbage}));
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(base::Describe(status), HasSubstr("entry 2"));
}

// A zstd frame with one uncompressed block of less than 256 bytes.
std::string RawFrame(const std::string& content) {
  std::string frame = "\x28\xB5\x2F\xFD\x20";
  frame.push_back(static_cast<char>(content.size()));
  const uint32_t block = 1u | static_cast<uint32_t>(content.size() << 3);
  for (const int shift : {0, 8, 16}) {
    frame.push_back(static_cast<char>(block >> shift));
  }
  return frame + content;
}

TEST_F(ExchangeTest, AWithheldBodyIsRefused) {
  const std::string header = MakeEntry(0, true, "").header.SerializeAsString();
  std::string raw;
  base::AppendVarint(header.size(), &raw);
  raw += header + '\x01' + std::string(base::Sha256("body").view());
  TestBundle bundle;
  bundle.bytes = "TCB1";
  for (const uint64_t field : {uint64_t{0}, uint64_t{1}, uint64_t{raw.size()},
                               uint64_t{RawFrame(raw).size()}, uint64_t{0},
                               uint64_t{RawFrame("").size()}}) {
    base::AppendVarint(field, &bundle.bytes);
  }
  bundle.bytes += RawFrame(raw) + RawFrame("");
  bundle.leaves = {ledger::LeafHash(header, base::Sha256("body"))};
  const absl::Status status = Refused(MakeBatch({bundle}));
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(base::Describe(status), HasSubstr("its body is missing"));
}

// A bundle of one entry and exactly `bytes` bytes.
TestBundle MakeSizedBundle(uint64_t sequence, size_t bytes) {
  static const std::string* const kNoise = [] {
    std::mt19937_64 random(1);
    auto* noise = new std::string;
    while (noise->size() < (5u << 20)) {
      const uint64_t number = random();
      noise->append(reinterpret_cast<const char*>(&number), sizeof(number));
    }
    return noise;
  }();
  size_t body = bytes;
  for (int round = 0; round < 10; ++round) {
    TestBundle bundle = MakeBundle(
        sequence, {MakeEntry(sequence, true, kNoise->substr(0, body))});
    if (bundle.bytes.size() == bytes) return bundle;
    body += bytes - bundle.bytes.size();
  }
  ADD_FAILURE() << "no bundle of " << bytes << " bytes";
  return {};
}

TEST_F(ExchangeTest, TheWindowIsTakenUpToItsBoundAndNotBeyond) {
  constexpr size_t kPiece = 3 << 20;
  static_assert(kUnacknowledgedBytesMax % kPiece == 0);
  Ingest ingest = NewIngest();
  ASSERT_TRUE(Greet(&ingest).ok());
  ledger::CompactRange range;
  const uint64_t pieces = kUnacknowledgedBytesMax / kPiece;
  for (uint64_t i = 0; i + 1 < pieces; ++i) {
    ASSERT_TRUE(
        ingest.OnBatch(MakeBatch(&range, {MakeSizedBundle(i, kPiece)})).ok());
  }
  ledger::CompactRange beyond = range;
  const v1::Batch above =
      MakeBatch(&beyond, {MakeSizedBundle(pieces - 1, kPiece + 1)});
  const absl::Status status = ingest.OnBatch(above).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(ingest.verified_size(), pieces - 1);
  const v1::Batch at = MakeBatch(&range, {MakeSizedBundle(pieces - 1, kPiece)});
  EXPECT_TRUE(ingest.OnBatch(at).ok());
  const v1::Batch next = MakeBatch(&range, {MakeSizedBundle(pieces, kPiece)});
  EXPECT_TRUE(absl::IsResourceExhausted(ingest.OnBatch(next).status()));
  ingest.OnDurable(1, "", 0, kNow);
  EXPECT_TRUE(ingest.OnBatch(next).ok());
}

TEST_F(ExchangeTest, AcksTellDurableAndAppliedSizes) {
  Ship({2});
  province_.copy.applied_size = 1;
  Ingest ingest = NewIngest();
  ASSERT_TRUE(Greet(&ingest).ok());
  ASSERT_TRUE(ingest.OnBatch(MakeBatch({MakeTransaction(2, 2)})).ok());
  v1::Ack ack = ingest.OnApplied(2, kNow + 1);
  EXPECT_EQ(ack.durable_size(), 2u);
  EXPECT_EQ(ack.applied_size(), 2u);
  EXPECT_EQ(ack.cosigned_checkpoint(), "");
  EXPECT_EQ(ack.province_time_us(), kNow + 1);
  ack = ingest.OnDurable(4, "note", 3, kNow + 2);
  EXPECT_EQ(ack.durable_size(), 4u);
  EXPECT_EQ(ack.applied_size(), 3u);
  EXPECT_EQ(ack.cosigned_checkpoint(), "note");
  EXPECT_EQ(ingest.OnApplied(9, kNow).applied_size(), 4u);
  ack = ingest.OnDurable(3, "older", 3, kNow);
  EXPECT_EQ(ack.durable_size(), 4u);
  EXPECT_EQ(ack.cosigned_checkpoint(), "");
}

// --- The province's end: heartbeats.

class HeartbeatTest : public ExchangeTest {
 protected:
  HeartbeatTest() {
    province_.copy.applied_size = 1;
    Ship({2});
    EXPECT_TRUE(Greet(&ingest_).ok());
  }
  absl::Status Offer(const v1::Heartbeat& heartbeat, int64_t now_us = kNow) {
    const uint64_t committed = ingest_.claimed_committed();
    const absl::Status status = ingest_.OnHeartbeat(heartbeat, now_us).status();
    if (!status.ok()) {
      EXPECT_EQ(ingest_.claimed_committed(), committed);
    }
    return status;
  }
  absl::Status Offer(const ledger::Heartbeat& life, int64_t now_us = kNow) {
    return Offer(Noted(ledger::SignHeartbeat(life, signer_)), now_us);
  }
  static v1::Heartbeat Noted(const std::string& note) {
    v1::Heartbeat heartbeat;
    heartbeat.set_note(note);
    return heartbeat;
  }

  const ledger::Heartbeat life_ = {.origin = kOrigin,
                                   .stream_us = kNow,
                                   .committed_size = 7,
                                   .applied_size = 1,
                                   .time_us = kNow + 5};
  Ingest ingest_ = NewIngest();
};

TEST_F(HeartbeatTest, ASignedOneIsASignOfLife) {
  const auto life =
      ingest_.OnHeartbeat(Noted(ledger::SignHeartbeat(life_, signer_)), kNow);
  ASSERT_TRUE(life.ok()) << life.status();
  EXPECT_EQ(*life, life_);
  EXPECT_EQ(ingest_.claimed_committed(), 7u);
}

TEST_F(HeartbeatTest, AnUnsignedOneIsNone) {
  v1::Heartbeat heartbeat;
  heartbeat.set_committed_size(7);
  heartbeat.set_node_time_us(kNow);
  const absl::Status status = Offer(heartbeat);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(base::Describe(status), HasSubstr("a heartbeat: "));
}

TEST_F(HeartbeatTest, NeverTellsLess) {
  ASSERT_TRUE(Offer(life_).ok());
  ledger::Heartbeat less = life_;
  less.time_us += 1;
  less.committed_size = 6;
  EXPECT_TRUE(absl::IsInvalidArgument(Offer(less)));
  less.committed_size = 7;
  EXPECT_TRUE(Offer(less).ok()) << "what was refused leaves no trace";
}

TEST_F(HeartbeatTest, OnlyTheLogsKeySigns) {
  const ledger::Signer thief(kOrigin, KeyOf('x'));
  const absl::Status refused =
      Offer(Noted(ledger::SignHeartbeat(life_, thief)));
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_THAT(base::Describe(refused), HasSubstr(kOrigin));
  std::string changed = ledger::SignHeartbeat(life_, signer_);
  changed[changed.find("\n7\n") + 1] = '8';
  EXPECT_TRUE(absl::IsDataLoss(Offer(Noted(changed))));
  EXPECT_TRUE(absl::IsInvalidArgument(Offer(Noted(log_.signed_note))))
      << "a checkpoint";
  EXPECT_TRUE(absl::IsInvalidArgument(Offer(Noted("x"))));
  ledger::Heartbeat other = life_;
  other.origin = "tongchou/360000/360200";
  EXPECT_TRUE(absl::IsPermissionDenied(Offer(other)));
  EXPECT_TRUE(Offer(life_).ok());
}

TEST_F(HeartbeatTest, ARepeatIsRefused) {
  ASSERT_TRUE(Offer(life_).ok());
  ledger::Heartbeat later = life_;
  for (const int64_t time_us : {kNow + 5, kNow + 4}) {
    later.time_us = time_us;
    const absl::Status status = Offer(later);
    EXPECT_TRUE(absl::IsAborted(status)) << status;
    EXPECT_THAT(base::Describe(status), HasSubstr("a repeat"));
  }
  later.time_us = kNow + 6;
  EXPECT_TRUE(Offer(later).ok());
}

TEST_F(HeartbeatTest, OneOfAnotherStreamIsRefused) {
  ledger::Heartbeat other = life_;
  for (const int64_t stream_us : {kNow - 1, kNow + 1, int64_t{0}}) {
    other.stream_us = stream_us;
    const absl::Status status = Offer(other);
    EXPECT_TRUE(absl::IsAborted(status)) << status;
    EXPECT_THAT(base::Describe(status), HasSubstr("for the stream of"));
  }
}

TEST_F(HeartbeatTest, TheClocksMayDifferByTheBoundAndNotMore) {
  ledger::Heartbeat life = life_;
  for (const int64_t sign : {-1, 1}) {
    life.time_us = kNow + 10 + sign;
    const int64_t there = life.time_us;
    const absl::Status status =
        Offer(life, there - sign * (kClockSkewMicrosMax + 1));
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(base::Describe(status), HasSubstr("clock"));
    EXPECT_TRUE(Offer(life, there - sign * kClockSkewMicrosMax).ok());
  }
  life.time_us = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(absl::IsFailedPrecondition(Offer(life)));
}

TEST_F(HeartbeatTest, NoMoreIsAppliedThanTheProvinceTold) {
  ledger::Heartbeat life = life_;
  life.applied_size = 2;
  const absl::Status status = Offer(life);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(base::Describe(status), HasSubstr("the province told 1"));
  ingest_.OnApplied(2, kNow);
  EXPECT_TRUE(Offer(life).ok());
}

// --- The node's end.

TEST_F(ExchangeTest, TheHelloComesFirstAndTheWelcomeIsAwaited) {
  Ship({2});
  log_.kept_note = "cosigned";
  Uplink uplink(NodeConfig(), &log_);
  EXPECT_TRUE(
      absl::IsInvalidArgument(uplink.OnMessage(MakeWelcome(0, ""), kNow)));
  EXPECT_TRUE(
      absl::IsInvalidArgument(uplink.OnMessage(MakeAck(0, 0, ""), kNow)));
  const auto first = uplink.Next(kNow);
  ASSERT_TRUE(first.ok() && first->has_value());
  const v1::Hello& hello = (*first)->hello();
  EXPECT_EQ(hello.protocol_version(), kProtocolVersion);
  EXPECT_EQ(hello.origin(), kOrigin);
  EXPECT_EQ(hello.committed_size(), 2u);
  EXPECT_EQ(hello.checkpoint(), log_.signed_note);
  EXPECT_EQ(hello.incarnation().counter(), 3u);
  EXPECT_EQ(*ledger::OpenStart(hello.start(), signer_.verifier()),
            (ledger::Start{kOrigin, 3, 33}));
  EXPECT_EQ(hello.cosigned_checkpoint(), "cosigned");
  EXPECT_EQ(hello.batch_bytes_max(), kBatchBytesMax);
  EXPECT_FALSE(uplink.Next(kNow + 10 * kHeartbeatMicros)->has_value());
  ASSERT_TRUE(uplink.OnMessage(MakeWelcome(0, ""), kNow).ok());
  EXPECT_TRUE(
      absl::IsInvalidArgument(uplink.OnMessage(MakeWelcome(0, ""), kNow)));
  EXPECT_TRUE(absl::IsInvalidArgument(uplink.OnMessage({}, kNow)));
}

TEST_F(ExchangeTest, AWelcomeThatBreaksTheProtocolIsRefused) {
  Ship({2, 2});
  v1::ProvinceMessage message = MakeWelcome(2, Cosigned(2));
  EXPECT_TRUE(Welcomed(message).ok());
  EXPECT_EQ(log_.kept_note, message.welcome().checkpoint());
  message.mutable_welcome()->set_protocol_version(kProtocolVersion + 1);
  EXPECT_TRUE(absl::IsInvalidArgument(Welcomed(message)));
  message = MakeWelcome(2, Cosigned(2));
  message.mutable_welcome()->set_applied_size(3);
  EXPECT_TRUE(absl::IsInvalidArgument(Welcomed(message)));
  EXPECT_TRUE(absl::IsInvalidArgument(Welcomed(MakeWelcome(2, ""))));
  EXPECT_TRUE(absl::IsInvalidArgument(Welcomed(MakeWelcome(2, Cosigned(4)))));
}

TEST_F(ExchangeTest, TheClocksMayDifferByTheBoundAndNotMore) {
  const v1::ProvinceMessage welcome = MakeWelcome(0, "");
  for (const int64_t sign : {-1, 1}) {
    EXPECT_TRUE(Welcomed(welcome, kNow + sign * kClockSkewMicrosMax).ok());
    const absl::Status status =
        Welcomed(welcome, kNow + sign * (kClockSkewMicrosMax + 1));
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(base::Describe(status), HasSubstr("clock"));
  }
}

TEST_F(ExchangeTest, TheNodeSeesThatItIsBehindItsPast) {
  Ship({2, 2});
  const std::string note = Cosigned(4);
  MemoryLog old_copy(signer_);
  old_copy.AppendTransaction(2);
  old_copy.Commit();
  Uplink uplink(NodeConfig(), &old_copy);
  ASSERT_TRUE(uplink.Next(kNow).ok());
  const absl::Status status = uplink.OnMessage(MakeWelcome(4, note), kNow);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(base::Describe(status), HasSubstr("behind its own past"));
}

TEST_F(ExchangeTest, TheNodeSeesThatItsLogIsAnother) {
  Ship({2});
  const std::string note = *province_.cosigner().Cosign(
      signer_.Sign(2, ledger::HashLeaf("another")), 1);
  const absl::Status status = Welcomed(MakeWelcome(2, note));
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(base::Describe(status), HasSubstr("fork"));
}

TEST_F(ExchangeTest, AWrongCosignatureIsDataLoss) {
  Ship({2});
  const std::string own = signer_.Sign(2, *log_.RootAt(2));
  const ledger::Cosigner stranger("province", KeyOf('x'));
  std::string changed = Cosigned(2);
  const size_t last = changed.size() - 10;
  changed[last] = changed[last] == 'A' ? 'B' : 'A';
  const std::string foreign = *province_.cosigner().Cosign(
      ledger::Signer(kOrigin, KeyOf('x')).Sign(2, *log_.RootAt(2)), 1);
  for (const std::string& note :
       {own, *stranger.Cosign(own, 1), changed, foreign, std::string("x")}) {
    const absl::Status status = Welcomed(MakeWelcome(2, note));
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    Uplink uplink = SendingUplink();
    const absl::Status acked = uplink.OnMessage(MakeAck(2, 0, note), kNow);
    EXPECT_TRUE(absl::IsDataLoss(acked)) << acked;
    EXPECT_EQ(uplink.positions().durable, 0u);
  }
  EXPECT_EQ(log_.kept_note, "");
}

TEST_F(ExchangeTest, AnAckStaysWithinWhatWasSent) {
  log_.AppendTransaction(2);
  log_.AppendTransaction(2);
  log_.batch_bytes_max = 1;
  log_.Commit();
  Uplink uplink = SendingUplink();
  ASSERT_EQ(uplink.positions().sent, 2u);
  for (const v1::ProvinceMessage& wrong :
       {MakeAck(3, 0, ""), MakeAck(2, 3, ""), MakeAck(2, 0, Cosigned(4))}) {
    EXPECT_TRUE(absl::IsInvalidArgument(uplink.OnMessage(wrong, kNow)));
  }
  EXPECT_EQ(uplink.positions().durable, 0u);
  ASSERT_TRUE(uplink.OnMessage(MakeAck(2, 1, Cosigned(2)), kNow).ok());
  EXPECT_EQ(uplink.positions().durable, 2u);
  EXPECT_EQ(uplink.positions().applied, 1u);
  EXPECT_EQ(log_.kept_size, 2u);
  EXPECT_TRUE(uplink.OnMessage(MakeAck(2, 2, ""), kNow).ok());
  EXPECT_TRUE(
      absl::IsInvalidArgument(uplink.OnMessage(MakeAck(1, 0, ""), kNow)));
}

// Small commits gather while a batch is under way; a large one, and any one
// when nothing is, goes at once.
TEST_F(ExchangeTest, SmallBatchesWaitForTheAcknowledgement) {
  log_.AppendTransaction(2);
  log_.Commit();
  UplinkConfig config = NodeConfig();
  log_.AppendTransaction(3);
  config.pipelined_entries_min = 6;
  Uplink uplink(config, &log_);
  ASSERT_TRUE(uplink.Next(kNow).ok());
  ASSERT_TRUE(uplink.OnMessage(MakeWelcome(0, ""), kNow).ok());
  EXPECT_EQ(uplink.DueSize(), 1u);
  ASSERT_TRUE((*uplink.Next(kNow))->has_batch());
  log_.Commit();
  EXPECT_FALSE((*uplink.Next(kNow)).has_value());
  EXPECT_EQ(uplink.DueSize(), 8u);
  log_.AppendTransaction(3);
  log_.Commit();
  const auto grown = *uplink.Next(kNow);
  ASSERT_TRUE(grown.has_value() && grown->has_batch());
  EXPECT_EQ(uplink.positions().sent, 8u);
  log_.AppendTransaction(1);
  log_.Commit();
  EXPECT_FALSE((*uplink.Next(kNow)).has_value());
  ASSERT_TRUE(uplink.OnMessage(MakeAck(8, 0, Cosigned(8)), kNow).ok());
  EXPECT_TRUE((*uplink.Next(kNow))->has_batch());
}

TEST_F(ExchangeTest, SmallBatchesKeepADistance) {
  log_.AppendTransaction(2);
  log_.Commit();
  Uplink uplink = GatheringUplink();
  ASSERT_TRUE((*uplink.Next(kNow))->has_batch());
  EXPECT_EQ(uplink.DueIn(kNow), kHeartbeatMicros);
  ASSERT_TRUE(uplink.OnMessage(MakeAck(2, 0, Cosigned(2)), kNow).ok());
  log_.AppendTransaction(1);
  log_.Commit();
  EXPECT_FALSE((*uplink.Next(kNow + 1'000)).has_value());
  EXPECT_EQ(uplink.DueIn(kNow + 1'000), 3'000);
  EXPECT_EQ(uplink.DueSize(), 102u);
  EXPECT_TRUE((*uplink.Next(kNow + 4'000))->has_batch());
  ASSERT_TRUE(uplink.OnMessage(MakeAck(3, 0, Cosigned(3)), kNow).ok());
  log_.AppendTransaction(1);
  log_.Commit();
  EXPECT_TRUE((*uplink.Next(kNow))->has_batch());  // the clock was set back
}

// While every batch has to wait the distance doubles up to its bound; the first
// that need not sets it back.
TEST_F(ExchangeTest, BatchesThatWaitKeepALargerDistance) {
  Uplink uplink = GatheringUplink();
  int64_t now = kNow;
  uint64_t size = 0;
  const auto send_after = [&](int64_t wait_us) {
    log_.AppendTransaction(1);
    log_.Commit();
    if (wait_us > 0) {
      EXPECT_FALSE((*uplink.Next(now + 1)).has_value());
      EXPECT_EQ(uplink.DueIn(now + 1), wait_us - 1);
      EXPECT_FALSE((*uplink.Next(now + wait_us - 1)).has_value());
    }
    now += wait_us;
    EXPECT_TRUE((*uplink.Next(now))->has_batch());
    ++size;
    EXPECT_TRUE(uplink.OnMessage(MakeAck(size, 0, Cosigned(size)), now).ok());
  };
  send_after(0);
  send_after(4'000);
  send_after(8'000);
  send_after(16'000);
  send_after(4'000 * kSpacingStretchMax);
  now += 4'000 * kSpacingStretchMax;
  send_after(0);  // nothing was committed meanwhile
  send_after(4'000);
  // A large batch waits for nothing and sets it back as well.
  send_after(8'000);
  log_.AppendTransaction(100);
  log_.Commit();
  EXPECT_TRUE((*uplink.Next(now + 1))->has_batch());
  size += 100;
  EXPECT_TRUE(uplink.OnMessage(MakeAck(size, 0, Cosigned(size)), now + 1).ok());
  ++now;
  send_after(4'000);
}

// What the last batch waited for is over when another is under way.
TEST_F(ExchangeTest, NothingIsDueWhileABatchIsUnderWay) {
  Uplink uplink = GatheringUplink();
  log_.AppendTransaction(1);
  log_.Commit();
  ASSERT_TRUE((*uplink.Next(kNow))->has_batch());
  ASSERT_TRUE(uplink.OnMessage(MakeAck(1, 0, Cosigned(1)), kNow).ok());
  log_.AppendTransaction(1);
  log_.Commit();
  EXPECT_FALSE((*uplink.Next(kNow + 1)).has_value());
  log_.AppendTransaction(99);
  log_.Commit();
  ASSERT_TRUE((*uplink.Next(kNow + 2))->has_batch());
  log_.AppendTransaction(1);
  log_.Commit();
  EXPECT_FALSE((*uplink.Next(kNow + 3)).has_value());
  EXPECT_EQ(uplink.DueIn(kNow + 3), kHeartbeatMicros - 1);
}

TEST_F(ExchangeTest, TheNodeKeepsToTheWindow) {
  for (int i = 0; i < 3; ++i) log_.AppendTransaction(2);
  log_.Commit();
  log_.batch_bytes_max = 1;
  uint64_t bytes = 0;
  for (const uint64_t size : {0u, 2u}) {
    uint64_t end = 0;
    bytes += BundleBytes(*log_.ReadBatch(size, 1, &end));
  }
  struct Case {
    uint64_t window, sent, acknowledged;
  };
  for (const auto& [window, sent, acknowledged] :
       {Case{0, 2, 2}, Case{bytes - 1, 2, 2}, Case{bytes, 4, 4},
        Case{bytes + 20, 4, 2}}) {
    Uplink uplink(NodeConfig(), &log_);
    ASSERT_TRUE(uplink.Next(kNow).ok());
    v1::ProvinceMessage welcome = MakeWelcome(0, "");
    welcome.mutable_welcome()->set_window_bytes(window);
    ASSERT_TRUE(uplink.OnMessage(welcome, kNow).ok());
    while ((*uplink.Next(kNow)).has_value()) {
    }
    EXPECT_EQ(uplink.positions().sent, sent) << window;
    ASSERT_TRUE(uplink.OnMessage(MakeAck(acknowledged, 0, ""), kNow).ok());
    EXPECT_TRUE((*uplink.Next(kNow))->has_batch());
    EXPECT_EQ(uplink.positions().sent, sent + 2) << window;
  }
}

TEST_F(ExchangeTest, HeartbeatsFillSilence) {
  log_.AppendTransaction(1);
  log_.Commit();
  Uplink uplink = SendingUplink();
  EXPECT_FALSE(uplink.Next(kNow + kHeartbeatMicros - 1)->has_value());
  const auto beat = uplink.Next(kNow + kHeartbeatMicros);
  ASSERT_TRUE((*beat)->has_heartbeat());
  EXPECT_EQ((*beat)->heartbeat().committed_size(), 1u);
  EXPECT_EQ((*beat)->heartbeat().node_time_us(), kNow + kHeartbeatMicros);
  const ledger::Heartbeat expected = {.origin = kOrigin,
                                      .stream_us = kNow,
                                      .committed_size = 1,
                                      .time_us = kNow + kHeartbeatMicros};
  EXPECT_EQ(
      *ledger::OpenHeartbeat((*beat)->heartbeat().note(), signer_.verifier()),
      expected);
  EXPECT_FALSE(uplink.Next(kNow + kHeartbeatMicros)->has_value());
  // The node's clock is set back.
  EXPECT_TRUE((*uplink.Next(kNow))->has_heartbeat());
  EXPECT_FALSE(uplink.Next(kNow)->has_value());
}

TEST_F(ExchangeTest, HeartbeatsNameWhatTheProvinceTold) {
  log_.AppendTransaction(2);
  log_.Commit();
  Uplink uplink = SendingUplink();
  v1::ProvinceMessage ack = MakeAck(2, 1, Cosigned(2));
  ack.mutable_ack()->set_province_time_us(kNow + 7);
  ASSERT_TRUE(uplink.OnMessage(ack, kNow).ok());
  const auto beat = uplink.Next(kNow + kHeartbeatMicros);
  const auto life =
      ledger::OpenHeartbeat((*beat)->heartbeat().note(), signer_.verifier());
  ASSERT_TRUE(life.ok()) << life.status();
  EXPECT_EQ(life->applied_size, 1u);
  EXPECT_EQ(life->stream_us, kNow) << "of the Welcome, not of the Ack";
}

// The key is one that the province knows of: by the Hello, or by what was sent.
TEST_F(ExchangeTest, HeartbeatsAreSignedWithAKeyThatTheProvinceKnows) {
  const ledger::Signer next(kOrigin, KeyOf('d'));
  for (const bool announced : {true, false}) {
    MemoryLog log(signer_);
    log.AppendTransaction(3);
    log.Commit();
    const ledger::KeyChange change = {9, ledger::StateKeyChange(signer_, next)};
    if (announced) {
      ASSERT_TRUE(log.keys_now.Add(change).ok());
    }
    Uplink uplink(NodeConfig(), &log);
    ASSERT_TRUE(uplink.Next(kNow).ok());
    v1::ProvinceMessage welcome = MakeWelcome(0, "");
    welcome.mutable_welcome()->set_window_bytes(0);
    ASSERT_TRUE(uplink.OnMessage(welcome, kNow).ok());
    if (!announced) {
      ASSERT_TRUE((*uplink.Next(kNow))->has_batch());
      log.AppendTransaction(1);
      log.Commit();
      ASSERT_TRUE(log.keys_now.Add({3, change.statement}).ok());
    }
    const int64_t later = kNow + kHeartbeatMicros;
    auto message = uplink.Next(later);
    if (announced) {
      ASSERT_TRUE((*message)->has_batch());
      message = uplink.Next(later + kHeartbeatMicros);
    }
    ASSERT_TRUE((*message)->has_heartbeat());
    EXPECT_EQ(log.heartbeat_key_size, announced ? 10u : 3u);
  }
}

TEST_F(ExchangeTest, OnlyCommittedEntriesAreSent) {
  log_.AppendTransaction(1);
  log_.Commit();
  log_.AppendTransaction(1);
  Uplink uplink = SendingUplink();
  EXPECT_EQ(uplink.positions().sent, 1u);
  EXPECT_FALSE(uplink.Next(kNow)->has_value());
  log_.Commit();
  EXPECT_TRUE((*uplink.Next(kNow))->has_batch());
  log_.AppendTransaction(1);
  log_.Commit();
  log_.AppendTransaction(1);
  log_.shows_uncommitted = true;
  EXPECT_TRUE(absl::IsInternal(uplink.Next(kNow).status()));
  EXPECT_EQ(uplink.positions().sent, 2u);
}

// --- Both ends over a channel that fails.

struct Tally {
  int cuts = 0;
  int refused = 0;
  int restarts = 0;
  int window_waits = 0;
};

class Channel {
 public:
  Channel(uint64_t seed, Tally* tally) : random_(seed), tally_(tally) {
    log_.batch_bytes_max = 1 + Below(2000);
    window_ = 1 + Below(3000);
    pipelined_entries_min_ = Below(2) * Below(20);
    batch_spacing_us_ = static_cast<int64_t>(Below(2) * Below(500'000));
    Connect();
  }

  void Run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) Step();
  }

  // An honest channel until both ends agree.
  void Heal() {
    Cut();
    log_.Commit();
    for (int i = 0; i < 10'000 && !Agrees(); ++i) {
      if (testing::Test::HasFailure()) return;
      now_us_ += 10'000;
      Pump();
      DeliverToProvince();
      Fsync();
      Apply();
      DeliverToNode();
    }
    EXPECT_TRUE(Agrees());
    EXPECT_EQ(province_.leaves(), log_.leaves());
    EXPECT_EQ(log_.kept_size, log_.leaves().size());
    EXPECT_EQ(log_.kept_note, province_.copy.checkpoint);
  }

 private:
  uint64_t Below(uint64_t bound) { return random_() % bound; }

  void Connect() {
    to_province_.clear();
    to_node_.clear();
    under_way_.clear();
    tampered_ = false;
    v1::Incarnation incarnation;
    incarnation.set_counter(counter_);
    incarnation.set_nonce(counter_ * 31);
    uplink_.emplace(
        UplinkConfig{kOrigin, province_.cosigner().verifier(), incarnation,
                     log_.signed_note, log_.kept_note, pipelined_entries_min_},
        &log_);
    ingest_.emplace(IngestConfig{kCity, kOrigin, signer_.verifier()});
  }

  void Cut() {
    ++tally_->cuts;
    if (Below(2) == 0) province_.Crash();
    while (province_.has_queued()) province_.Fsync(now_us_);
    if (Below(4) == 0) {
      ++tally_->restarts;
      ++counter_;
      log_.Restart();
    }
    Connect();
  }

  void Step() {
    now_us_ += static_cast<int64_t>(Below(400'000));
    const uint64_t dice = Below(100);
    if (dice < 15) return log_.AppendTransaction(1 + int(Below(20)));
    if (dice < 25) return log_.Commit();
    if (dice < 40) return Pump();
    if (dice < 60) return DeliverToProvince();
    if (dice < 75) return DeliverToNode();
    if (dice < 87) return Fsync();
    if (dice < 92) return Apply();
    if (dice < 94) return Repeat(&to_province_, sent_to_province_);
    if (dice < 96) return Repeat(&to_node_, sent_to_node_);
    if (dice < 98) return Mangle();
    Cut();
  }

  void Pump() {
    for (;;) {
      const auto message = uplink_->Next(now_us_);
      ASSERT_TRUE(message.ok()) << message.status();
      if (!message->has_value()) break;
      if ((*message)->has_batch()) ExpectWithinWindow((*message)->batch());
      to_province_.push_back((*message)->SerializeAsString());
      sent_to_province_.push_back(to_province_.back());
    }
    if (uplink_->positions().sent < log_.committed_size()) {
      ++tally_->window_waits;
    }
  }

  void ExpectWithinWindow(const v1::Batch& batch) {
    under_way_.push_back({uplink_->positions().sent, BundleBytes(batch)});
    while (under_way_.front().first <= uplink_->positions().durable) {
      under_way_.pop_front();
    }
    uint64_t bytes = 0;
    for (const auto& [end, size] : under_way_) bytes += size;
    EXPECT_TRUE(under_way_.size() == 1 || bytes <= window_);
    EXPECT_LE(uplink_->positions().sent, log_.committed_size());
  }

  void Repeat(std::deque<std::string>* queue,
              const std::vector<std::string>& sent) {
    if (sent.empty()) return;
    const size_t recent = std::min<size_t>(sent.size(), 1 + Below(20));
    const size_t place = Below(queue->size() + 1);
    queue->insert(queue->begin() + static_cast<std::ptrdiff_t>(place),
                  sent[sent.size() - recent]);
    tampered_ = true;
  }

  // Cuts the next batch short or changes a bit of it.
  void Mangle() {
    for (std::string& bytes : to_province_) {
      v1::NodeMessage message;
      ASSERT_TRUE(message.ParseFromString(bytes));
      if (message.batch().bundles().empty()) continue;
      auto* bundles = message.mutable_batch()->mutable_bundles();
      std::string& last = *bundles->rbegin();
      if (Below(2) == 0) {
        bundles->RemoveLast();
      } else {
        last[Below(last.size())] ^= static_cast<char>(1 << Below(8));
      }
      bytes = message.SerializeAsString();
      tampered_ = true;
      return;
    }
  }

  void DeliverToProvince() {
    if (to_province_.empty()) return;
    v1::NodeMessage message;
    ASSERT_TRUE(message.ParseFromString(to_province_.front()));
    to_province_.pop_front();
    const uint64_t before = ingest_->verified_size();
    if (const absl::Status status = Take(message); !status.ok()) {
      EXPECT_TRUE(tampered_) << status;
      EXPECT_EQ(ingest_->verified_size(), before);
      EXPECT_FALSE(ingest_->evidence().has_value()) << status;
      ++tally_->refused;
      Cut();
    }
  }

  absl::Status Take(const v1::NodeMessage& message) {
    if (message.has_heartbeat()) {
      return ingest_->OnHeartbeat(message.heartbeat(), now_us_).status();
    }
    if (message.has_batch()) {
      ASSIGN_OR_RETURN(VerifiedBatch batch, ingest_->OnBatch(message.batch()));
      province_.Enqueue(std::move(batch));
      return absl::OkStatus();
    }
    v1::ProvinceMessage answer;
    ASSIGN_OR_RETURN(
        *answer.mutable_welcome(),
        ingest_->OnHello(
            message.hello(), province_.copy,
            [&](uint64_t size) { return province_.RootAt(size); }, now_us_));
    province_.copy.incarnation_counter = ingest_->incarnation().counter();
    province_.copy.incarnation_nonce = ingest_->incarnation().nonce();
    answer.mutable_welcome()->set_window_bytes(window_);
    Answer(answer);
    return absl::OkStatus();
  }

  void Fsync() {
    if (!province_.has_queued()) return;
    const std::string note = province_.Fsync(now_us_);
    v1::ProvinceMessage message;
    *message.mutable_ack() = ingest_->OnDurable(
        province_.leaves().size(), note, province_.copy.applied_size, now_us_);
    Answer(message);
  }

  void Apply() {
    if (ingest_->verified_size() == 0) return;
    province_.copy.applied_size = province_.leaves().size();
    v1::ProvinceMessage message;
    *message.mutable_ack() =
        ingest_->OnApplied(province_.copy.applied_size, now_us_);
    Answer(message);
  }

  void Answer(const v1::ProvinceMessage& message) {
    to_node_.push_back(message.SerializeAsString());
    sent_to_node_.push_back(to_node_.back());
  }

  void DeliverToNode() {
    if (to_node_.empty()) return;
    v1::ProvinceMessage message;
    ASSERT_TRUE(message.ParseFromString(to_node_.front()));
    to_node_.pop_front();
    const absl::Status status = uplink_->OnMessage(message, now_us_);
    if (!status.ok()) {
      EXPECT_TRUE(tampered_) << status;
      ++tally_->refused;
      Cut();
    }
  }

  bool Agrees() const {
    const UplinkPositions& positions = uplink_->positions();
    return positions.welcomed && positions.durable == log_.leaves().size() &&
           positions.applied == positions.durable;
  }

  std::mt19937_64 random_;
  Tally* tally_;
  ledger::Signer signer_{kOrigin, KeyOf('c')};
  MemoryLog log_{signer_};
  MemoryProvince province_{ledger::Cosigner("province", KeyOf('p'))};
  std::optional<Uplink> uplink_;
  std::optional<Ingest> ingest_;
  std::deque<std::string> to_province_;
  std::deque<std::string> to_node_;
  std::vector<std::string> sent_to_province_;
  std::vector<std::string> sent_to_node_;
  std::deque<std::pair<uint64_t, uint64_t>> under_way_;
  bool tampered_ = false;
  uint64_t window_ = 0;
  uint64_t pipelined_entries_min_ = 0;
  int64_t batch_spacing_us_ = 0;
  uint64_t counter_ = 1;
  int64_t now_us_ = kNow;
};

TEST(ExchangeChannelTest, AfterItHealsTheProvinceHoldsEveryEntryOnce) {
  constexpr uint64_t kSeeds = 400;
  Tally tally;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Channel channel(seed, &tally);
    channel.Run(300);
    channel.Heal();
    if (HasFailure()) return;
  }
  EXPECT_GT(tally.cuts, 1000);
  EXPECT_GT(tally.refused, 500);
  EXPECT_GT(tally.restarts, 200);
  EXPECT_GT(tally.window_waits, 500);
}

}  // namespace
}  // namespace tongchou::exchange
