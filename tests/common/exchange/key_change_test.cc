// A city changes the key of its log: in the stream, and before an empty
// province.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/exchange/key_changes.h"
#include "tests/common/exchange/memory_peers.h"
#include "tongchou/v1/records.pb.h"

namespace tongchou::exchange {
namespace {

using testing::HasSubstr;

constexpr int64_t kNow = 1'700'000'000'000'000;

class KeyChangeTest : public testing::Test {
 protected:
  // An entry that says so.
  static TestBundle ChangeAt(uint64_t sequence, const std::string& statement) {
    v1::LogKey record;
    record.set_statement(statement);
    v1::EntryBody body;
    body.set_record(record.SerializeAsString());
    TestEntry entry = MakeEntry(sequence, true, body.SerializeAsString());
    entry.header.set_type(v1::RECORD_TYPE_LOG_KEY);
    return MakeBundle(sequence, {entry});
  }
  // The bundles behind what is there, with a head of this signer.
  v1::Batch MakeBatch(const std::vector<TestBundle>& bundles,
                      const ledger::Signer& signer) {
    v1::Batch batch;
    for (const TestBundle& bundle : bundles) {
      batch.add_bundles(bundle.bytes);
      for (const ledger::Hash& leaf : bundle.leaves) range_.Append(leaf);
    }
    batch.set_checkpoint(signer.Sign(range_.size(), range_.Root()));
    return batch;
  }
  // By a node that has these keys at hand.
  Ingest Greeted(const std::vector<ledger::KeyChange>& announced,
                 const std::vector<ledger::Signer>& signers) {
    Ingest ingest({kCity, kOrigin, keys_, std::nullopt, replacements_});
    v1::Hello hello;
    hello.set_protocol_version(kProtocolVersion);
    hello.set_origin(kOrigin);
    hello.set_committed_size(100);
    *hello.mutable_key_changes() = MakeKeyChanges(announced);
    hello.set_start(ledger::SignStart({.origin = kOrigin}, signers));
    status_ =
        ingest
            .OnHello(
                hello, copy_,
                [](uint64_t) { return absl::StatusOr<ledger::Hash>(); }, kNow)
            .status();
    return ingest;
  }
  Ingest Greeted(const std::vector<ledger::KeyChange>& announced = {}) {
    return Greeted(announced, {first_, second_, third_});
  }
  // Whether one with this key alone is.
  absl::Status Greeting(const std::vector<ledger::KeyChange>& announced,
                        const ledger::Signer& signer) {
    Greeted(announced, {signer});
    return status_;
  }
  absl::Status Offer(Ingest* ingest, const v1::Batch& batch) {
    const auto verified = ingest->OnBatch(batch);
    if (verified.ok()) came_ = verified->key_changes;
    return verified.status();
  }

  const ledger::Signer first_{kOrigin, KeyOf('a')};
  const ledger::Signer second_{kOrigin, KeyOf('b')};
  const ledger::Signer third_{kOrigin, KeyOf('c')};
  const std::string change_ = ledger::StateKeyChange(first_, second_);
  const std::string replacement_ =
      ledger::StateKeyReplacement(first_.verifier(), second_);
  ledger::LogKeys keys_{first_.verifier()};
  std::vector<ledger::VerifierKey> replacements_;
  ledger::CompactRange range_;
  CityCopy copy_;
  absl::Status status_;
  std::vector<ledger::KeyChange> came_;
};

TEST_F(KeyChangeTest, BothKeysSignInOneStream) {
  Ingest ingest = Greeted();
  ASSERT_TRUE(status_.ok()) << status_;
  ASSERT_TRUE(Offer(&ingest, MakeBatch({MakeTransaction(0, 2)}, first_)).ok());
  const v1::Batch change =
      MakeBatch({ChangeAt(2, change_), MakeTransaction(3, 1)}, second_);
  ASSERT_TRUE(Offer(&ingest, change).ok());
  EXPECT_EQ(came_, (std::vector<ledger::KeyChange>{{2, change_}}));
  EXPECT_TRUE(Offer(&ingest, MakeBatch({MakeTransaction(4, 1)}, second_)).ok());
}

TEST_F(KeyChangeTest, TheOldKeySignsNothingBehindItsEnd) {
  Ingest ingest = Greeted();
  const absl::Status status =
      Offer(&ingest, MakeBatch({ChangeAt(0, change_)}, first_));
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_EQ(ingest.verified_size(), 0u);
}

TEST_F(KeyChangeTest, AKeyThatTheOldOneDidNotSignNeedsTheProvincesAct) {
  Ingest ingest = Greeted();
  const v1::Batch batch = MakeBatch({ChangeAt(0, replacement_)}, second_);
  const absl::Status refused = Offer(&ingest, batch);
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_THAT(std::string(base::Message(refused)), HasSubstr("entry 0"));
  replacements_ = {second_.verifier()};
  Ingest allowed = Greeted();
  EXPECT_TRUE(Offer(&allowed, batch).ok());
}

// Whoever stole the old key may not write on after the act.
TEST_F(KeyChangeTest, AReplacedKeySignsNothingAnyMore) {
  replacements_ = {second_.verifier()};
  Ingest ingest = Greeted();
  const absl::Status refused =
      Offer(&ingest, MakeBatch({MakeTransaction(0, 1)}, first_));
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_THAT(std::string(base::Message(refused)),
              HasSubstr("replaced this log's key"));
}

// A city whose lost key was replaced may rotate the new one.
TEST_F(KeyChangeTest, AKeyThatReplacedALostOneIsChangedAsAnyOther) {
  replacements_ = {second_.verifier()};
  Ingest ingest = Greeted();
  ASSERT_TRUE(
      Offer(&ingest, MakeBatch({ChangeAt(0, replacement_)}, second_)).ok());
  const v1::Batch change =
      MakeBatch({ChangeAt(1, ledger::StateKeyChange(second_, third_))}, third_);
  EXPECT_TRUE(Offer(&ingest, change).ok());
  EXPECT_TRUE(Offer(&ingest, MakeBatch({MakeTransaction(2, 1)}, third_)).ok());
}

// Who has an older key and the certificate may not shut the node out.
TEST_F(KeyChangeTest, StartsAreOfTheNewestKeyThatIsKnown) {
  EXPECT_TRUE(Greeting({}, first_).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Greeting({}, second_)));
  EXPECT_TRUE(Greeting({{3, change_}}, second_).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Greeting({{3, change_}}, first_)));
  ASSERT_TRUE(keys_.Add({0, change_}).ok());
  EXPECT_TRUE(Greeting({}, second_).ok()) << "held here";
  EXPECT_TRUE(absl::IsPermissionDenied(Greeting({}, first_)));
}

TEST_F(KeyChangeTest, AKeyThatReplacesALostOneSignsStartsBeforeItsEntry) {
  replacements_ = {second_.verifier()};
  EXPECT_TRUE(Greeting({}, second_).ok());
  const absl::Status refused = Greeting({}, first_);
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_TRUE(Greeting({{0, replacement_}}, second_).ok());
  ASSERT_TRUE(keys_.Add({0, replacement_}, replacements_).ok());
  const std::string next = ledger::StateKeyChange(second_, third_);
  EXPECT_TRUE(Greeting({{0, replacement_}, {1, next}}, third_).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(
      Greeting({{0, replacement_}, {1, next}}, second_)));
}

// Neither may he say that the city lives.
TEST_F(KeyChangeTest, HeartbeatsAreOfTheNewestKeyThatIsKnown) {
  int64_t now_us = kNow;
  const auto offer = [&](Ingest* ingest, const ledger::Signer& signer) {
    v1::Heartbeat heartbeat;
    heartbeat.set_note(ledger::SignHeartbeat({.origin = kOrigin,
                                              .stream_us = kNow,
                                              .committed_size = 100,
                                              .time_us = ++now_us},
                                             signer));
    return ingest->OnHeartbeat(heartbeat, kNow).status();
  };
  Ingest ingest = Greeted();
  EXPECT_TRUE(offer(&ingest, first_).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(offer(&ingest, second_)));
  ASSERT_TRUE(Offer(&ingest, MakeBatch({ChangeAt(0, change_)}, second_)).ok());
  EXPECT_TRUE(offer(&ingest, second_).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(offer(&ingest, first_)));

  Ingest announced = Greeted({{3, change_}});
  EXPECT_TRUE(offer(&announced, second_).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(offer(&announced, first_)));

  replacements_ = {second_.verifier()};
  Ingest replaced = Greeted();
  const absl::Status refused = offer(&replaced, first_);
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_THAT(std::string(base::Message(refused)),
              HasSubstr("replaced this log's key"));
}

// A province that begins anew gets everything from a node whose old key is
// gone.
TEST_F(KeyChangeTest, AnAnnouncedKeySignsWhatComesBeforeItsEntry) {
  Ingest ingest = Greeted({{3, change_}});
  ASSERT_TRUE(status_.ok()) << status_;
  ASSERT_TRUE(Offer(&ingest, MakeBatch({MakeTransaction(0, 3)}, second_)).ok());
  EXPECT_TRUE(Offer(&ingest, MakeBatch({ChangeAt(3, change_)}, second_)).ok());
}

TEST_F(KeyChangeTest, AnAnnouncedChangeMustComeTrue) {
  Ingest ingest = Greeted({{3, change_}});
  const absl::Status status =
      Offer(&ingest, MakeBatch({MakeTransaction(0, 5)}, second_));
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("entry 3 is not"));
}

TEST_F(KeyChangeTest, AnAnnouncementThatNobodySignedIsRefused) {
  Greeted({{3, replacement_}});
  EXPECT_TRUE(absl::IsPermissionDenied(status_)) << status_;
}

TEST_F(KeyChangeTest, ANodeMayNotTellAnotherPast) {
  ASSERT_TRUE(keys_.Add({2, change_}).ok());
  copy_.range = {};
  for (int i = 0; i < 5; ++i) copy_.range.Append(ledger::HashLeaf("x"));
  Greeted({{2, change_}});
  EXPECT_TRUE(status_.ok()) << status_;
  Greeted();  // one that says nothing is believed to know
  EXPECT_TRUE(status_.ok()) << status_;
  Greeted({{1, change_}});
  EXPECT_TRUE(absl::IsDataLoss(status_)) << status_;
  const std::string next = ledger::StateKeyChange(second_, third_);
  Greeted({{2, change_}, {4, next}});
  EXPECT_TRUE(absl::IsDataLoss(status_)) << "within what the province holds";
  Greeted({{2, change_}, {5, next}});
  EXPECT_TRUE(status_.ok()) << status_;
}

TEST_F(KeyChangeTest, AnEntryThatIsNoStatementEndsTheStream) {
  Ingest ingest = Greeted();
  EXPECT_TRUE(absl::IsInvalidArgument(
      Offer(&ingest, MakeBatch({ChangeAt(0, "no statement")}, first_))));
}

}  // namespace
}  // namespace tongchou::exchange
