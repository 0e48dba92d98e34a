#include "common/ledger/log_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/head_signer.h"
#include "tests/common/ledger/add_with_leaf.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::ledger {
namespace {

using testing::HasSubstr;

constexpr char kOrigin[] = "tongchou/360000/360100";

Signer SignerOf(char seed, const std::string& origin = kOrigin) {
  return {origin, *base::Ed25519PrivateKey::FromSeed(
                      std::string(base::kEd25519SeedBytes, seed))};
}

class LogKeysTest : public testing::Test {
 protected:
  const Signer first_ = SignerOf(1);
  const Signer second_ = SignerOf(2);
  const Signer third_ = SignerOf(3);
  const std::string change_ = StateKeyChange(first_, second_);
  const std::string replacement_ =
      StateKeyReplacement(second_.verifier(), third_);
};

TEST_F(LogKeysTest, AStatementSaysWhoSignedIt) {
  const auto both = OpenKeyChange(change_);
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(both->old_key, first_.verifier());
  EXPECT_EQ(both->new_key, second_.verifier());
  EXPECT_TRUE(both->signed_by_old);
  const auto alone = OpenKeyChange(replacement_);
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_FALSE(alone->signed_by_old);
  EXPECT_EQ(alone->new_key, third_.verifier());
}

TEST_F(LogKeysTest, AStatementIsNoCheckpointAndACheckpointNoStatement) {
  EXPECT_FALSE(OpenCheckpoint(change_, first_.verifier()).ok());
  EXPECT_FALSE(OpenCheckpoint(change_, second_.verifier()).ok());
  EXPECT_FALSE(OpenKeyChange(first_.Sign(4, HashLeaf("x"))).ok());
}

TEST_F(LogKeysTest, StatementsThatAreNone) {
  Note note = *ParseNote(change_);
  // The old key alone: the new one does not know of it.
  const NoteSignature new_line = note.signatures.back();
  note.signatures.pop_back();
  EXPECT_TRUE(
      absl::IsPermissionDenied(OpenKeyChange(FormatNote(note)).status()));
  // A line of the old key that does not hold is not as good as none.
  note.signatures = {new_line, ParseNote(change_)->signatures.front()};
  note.signatures.back().blob[0] ^= 1;
  EXPECT_TRUE(absl::IsDataLoss(OpenKeyChange(FormatNote(note)).status()));
  // Keys of another log, and no change at all.
  EXPECT_TRUE(absl::IsInvalidArgument(
      OpenKeyChange(StateKeyChange(SignerOf(1, "another"), second_)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      OpenKeyChange(StateKeyChange(first_, first_)).status()));
  note = *ParseNote(change_);
  note.text += "one line more\n";
  EXPECT_TRUE(
      absl::IsInvalidArgument(OpenKeyChange(FormatNote(note)).status()));
}

TEST_F(LogKeysTest, OldKeysHoldUpToTheirEndAndNewOnesEverywhere) {
  LogKeys keys(first_.verifier());
  ASSERT_TRUE(keys.Add({10, change_}).ok());
  EXPECT_EQ(keys.first(), first_.verifier());
  EXPECT_EQ(keys.newest(), second_.verifier());
  const Hash root = HashLeaf("x");
  EXPECT_TRUE(keys.Open(first_.Sign(10, root)).ok());
  EXPECT_TRUE(
      absl::IsPermissionDenied(keys.Open(first_.Sign(11, root)).status()));
  EXPECT_TRUE(keys.Open(second_.Sign(11, root)).ok());
  EXPECT_TRUE(keys.Open(second_.Sign(3, root)).ok());
  EXPECT_FALSE(keys.Open(third_.Sign(3, root)).ok());
  EXPECT_FALSE(keys.Open("no note").ok());
  // A wrong line of the newest key is not passed over for an older one's.
  Note note = *ParseNote(first_.Sign(5, root));
  note.signatures.push_back(ParseNote(second_.Sign(5, root))->signatures[0]);
  note.signatures.back().blob[0] ^= 1;
  EXPECT_TRUE(absl::IsDataLoss(keys.Open(FormatNote(note)).status()));
}

TEST_F(LogKeysTest, AReplacementNeedsToBeAllowed) {
  LogKeys keys(second_.verifier());
  const absl::Status refused = keys.Add({4, replacement_});
  EXPECT_TRUE(absl::IsPermissionDenied(refused));
  EXPECT_THAT(std::string(base::Message(refused)),
              HasSubstr("without the old one's signature"));
  EXPECT_EQ(keys.newest(), second_.verifier());
  const VerifierKey other = first_.verifier();
  EXPECT_FALSE(keys.Add({4, replacement_}, {&other, 1}).ok());
  const VerifierKey allowed = third_.verifier();
  EXPECT_TRUE(keys.Add({4, replacement_}, {&allowed, 1}).ok());
}

TEST_F(LogKeysTest, ChangesContinueEachOther) {
  LogKeys keys(second_.verifier());
  EXPECT_TRUE(absl::IsDataLoss(keys.Add({4, change_})));
  keys = LogKeys(first_.verifier());
  ASSERT_TRUE(keys.Add({4, change_}).ok());
  const std::string next = StateKeyChange(second_, third_);
  EXPECT_TRUE(absl::IsDataLoss(keys.Add({4, next})));
  EXPECT_TRUE(keys.Add({5, next}).ok());
  EXPECT_EQ(keys.changes().size(), 2u);
}

TEST_F(LogKeysTest, KnowsTheKeysThatItHad) {
  LogKeys keys(first_.verifier());
  EXPECT_FALSE(keys.Has(second_.verifier()));
  ASSERT_TRUE(keys.Add({0, change_}).ok());
  EXPECT_TRUE(keys.Has(first_.verifier()));
  EXPECT_TRUE(keys.Has(second_.verifier()));
  EXPECT_FALSE(keys.Has(third_.verifier()));
}

TEST_F(LogKeysTest, TheNewestKeyVouchesForThoseBefore) {
  const std::vector<KeyChange> changes = {{10, change_}, {20, replacement_}};
  const auto keys = LogKeys::LeadingTo(third_.verifier(), changes);
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->first(), first_.verifier());
  EXPECT_TRUE(keys->Open(second_.Sign(20, HashLeaf("x"))).ok());
  EXPECT_TRUE(absl::IsDataLoss(
      LogKeys::LeadingTo(second_.verifier(), changes).status()));
  EXPECT_EQ(LogKeys::LeadingTo(first_.verifier(), {})->newest(),
            first_.verifier());
}

TEST_F(LogKeysTest, ALogChangesItsKeyThatOftenAndNotMore) {
  LogKeys keys(first_.verifier());
  const std::string back = StateKeyChange(second_, first_);
  for (size_t i = 0; i < kKeyChangesMax; ++i) {
    ASSERT_TRUE(keys.Add({i, i % 2 == 0 ? change_ : back}).ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(keys.Add({kKeyChangesMax, change_})));
}

// --- A signer whose key changes.

class ChangingSignerTest : public LogKeysTest {
 protected:
  ChangingSignerTest() {
    LogStoreOptions options;
    options.directory = directory_.path() + "/log";
    log_ = *LogStore::Open(options);
  }
  void Append() {
    GroupCommit commit;
    BundleWriter writer;
    const uint64_t size = log_->Head().size();
    commit.leaf_hashes.push_back(AddWithLeaf(&writer, "header", "body"));
    commit.bundles.push_back({size, 1, writer.Finish(size)});
    ASSERT_TRUE(log_->Append(commit).ok());
  }
  std::unique_ptr<HeadSigner> OpenSigner(SigningKeys keys) {
    auto signer = HeadSigner::Open(directory_.path() + "/guard", kOrigin,
                                   std::move(keys), log_.get(), true);
    EXPECT_TRUE(signer.ok()) << signer.status();
    return *std::move(signer);
  }
  ComingKey Coming(Signer signer, std::string statement) {
    return {std::move(signer), std::move(statement),
            [this] { return absl::StatusOr<std::optional<uint64_t>>(entry_); }};
  }
  std::string Sign(HeadSigner* signer, uint64_t size) {
    auto note = signer->Sign(size, *log_->RootAt(size));
    EXPECT_TRUE(note.ok()) << note.status();
    return note.ok() ? *note : "";
  }
  static bool Signed(const std::string& note, const Signer& by) {
    return OpenCheckpoint(note, by.verifier()).ok();
  }

  TemporaryDirectory directory_;
  std::unique_ptr<LogStore> log_;
  std::optional<uint64_t> entry_;
};

TEST_F(ChangingSignerTest, TheNewKeySignsFromItsEntryOn) {
  auto signer = OpenSigner(first_);
  Append();
  EXPECT_TRUE(Signed(Sign(signer.get(), 1), first_));
  ASSERT_TRUE(signer->Change(Coming(second_, change_)).ok());
  EXPECT_TRUE(
      absl::IsFailedPrecondition(signer->Change(Coming(third_, change_))));
  Append();
  EXPECT_TRUE(Signed(Sign(signer.get(), 2), first_)) << "no entry yet";
  // It is on its way: not committed yet.
  entry_ = 2;
  EXPECT_EQ(signer->keys().newest(), first_.verifier());
  Append();
  Append();
  EXPECT_TRUE(Signed(Sign(signer.get(), 4), second_));
  EXPECT_TRUE(Signed(Sign(signer.get(), 3), second_));
  EXPECT_TRUE(Signed(Sign(signer.get(), 2), first_)) << "below its entry";
  EXPECT_EQ(signer->keys().changes(), (std::vector<KeyChange>{{2, change_}}));
  signer->ForgetOldKey();
  EXPECT_TRUE(Signed(Sign(signer.get(), 2), second_));
}

TEST_F(ChangingSignerTest, HeartbeatsAreSignedAsHeadsOfThatSize) {
  auto signer = OpenSigner(first_);
  ASSERT_TRUE(signer->Change(Coming(second_, change_)).ok());
  const auto signed_by = [&](uint64_t size, const Signer& by) {
    const auto note = signer->SignHeartbeat(size, {.origin = kOrigin});
    return note.ok() && OpenHeartbeat(*note, by.verifier()).ok();
  };
  entry_ = 0;
  EXPECT_TRUE(signed_by(0, first_)) << "not committed yet";
  Append();
  EXPECT_TRUE(signed_by(0, first_));
  EXPECT_TRUE(signed_by(1, second_));
}

// The province may hold more of the log, or less, than is known here.
TEST_F(ChangingSignerTest, StartsAreSignedWithEveryKeyAtHand) {
  auto signer = OpenSigner(first_);
  const Start start = {.origin = kOrigin, .counter = 7};
  const auto signed_by = [&] {
    std::string keys;
    for (const auto& [name, key] :
         {std::pair('1', &first_), std::pair('2', &second_)}) {
      const auto opened = OpenStart(signer->SignStart(start), key->verifier());
      if (opened.ok() && *opened == start) keys += name;
    }
    return keys;
  };
  EXPECT_EQ(signed_by(), "1");
  ASSERT_TRUE(signer->Change(Coming(second_, change_)).ok());
  EXPECT_EQ(signed_by(), "12");
  entry_ = 0;
  Append();
  EXPECT_EQ(signer->keys().newest(), second_.verifier());
  EXPECT_EQ(signed_by(), "12");
  signer->ForgetOldKey();
  EXPECT_EQ(signed_by(), "2");
}

TEST_F(ChangingSignerTest, AStartBetweenEntryAndEndGoesOn) {
  Append();
  Append();
  const std::string known = first_.Sign(1, *log_->RootAt(1));
  ASSERT_TRUE(
      HeadSigner::RestoreGuard(directory_.path() + "/guard", kOrigin, 1, known)
          .ok());
  entry_ = 1;
  SigningKeys keys(first_);
  keys.coming = Coming(second_, change_);
  const auto signer = OpenSigner(std::move(keys));
  EXPECT_EQ(signer->verifier(), second_.verifier());
  ASSERT_TRUE(signer->Confirm(1, *log_->RootAt(1)).ok());
  EXPECT_EQ(Sign(signer.get(), 1), known);
  EXPECT_TRUE(Signed(Sign(signer.get(), 2), second_));
}

TEST_F(ChangingSignerTest, WithoutTheLostKeyNothingIsSignedBeforeTheEntry) {
  SigningKeys keys(LogKeys(second_.verifier()), std::nullopt);
  keys.coming = Coming(third_, replacement_);
  auto signer = OpenSigner(std::move(keys));
  Append();
  EXPECT_TRUE(
      absl::IsUnavailable(signer->Sign(1, log_->Head().range.Root()).status()));
  EXPECT_TRUE(absl::IsUnavailable(
      signer->SignHeartbeat(1, {.origin = kOrigin}).status()));
  EXPECT_TRUE(
      OpenStart(signer->SignStart({.origin = kOrigin}), third_.verifier())
          .ok());
  entry_ = 1;
  Append();
  EXPECT_TRUE(Signed(Sign(signer.get(), 2), third_));
  EXPECT_TRUE(Signed(Sign(signer.get(), 1), third_));
}

// The guard names a head of a key that this copy of the log does not know.
TEST_F(ChangingSignerTest, AnOldCopyFromBeforeTheChangeIsReadOnly) {
  Append();
  ASSERT_TRUE(HeadSigner::RestoreGuard(directory_.path() + "/guard", kOrigin, 5,
                                       second_.Sign(5, HashLeaf("x")))
                  .ok());
  const auto signer = OpenSigner(first_);
  EXPECT_THAT(signer->read_only_reason(), HasSubstr("it is an old copy"));
}

}  // namespace
}  // namespace tongchou::ledger
