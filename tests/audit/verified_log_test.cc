#include "audit/verified_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>

#include "audit/progress.h"
#include "tests/audit/finding_matchers.h"
#include "tests/audit/test_archive.h"

namespace tongchou::audit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr int64_t kFirstTime = 1'700'000'000'000'000;
constexpr int64_t kSecondTime = 1'800'000'000'000'000;
constexpr int kKilledAtBundle = 4;

class VerifiedLogTest : public testing::Test {
 protected:
  absl::StatusOr<AuditSummary> Verified(bool resume, int64_t time) {
    copy_.Write();
    RunOptions options;
    options.resume = resume;
    options.leave_us = time;
    return Verify(copy_.archive(), copy_.policy(), options);
  }
  // An earlier verification, then the logs grow by one entry each.
  void VerifyAndGrow(const std::function<void()>& edit = nullptr) {
    ASSERT_THAT(FindingsOf(Verified(false, kFirstTime)), IsEmpty());
    copy_.Grow(edit);
  }
  std::string PathOf(uint32_t city) const {
    return copy_.archive().verified(city);
  }

  TestArchive copy_;
};

TEST_F(VerifiedLogTest, OnlyWhatIsNewIsRead) {
  VerifyAndGrow();
  copy_.nanchang.entry(4).body.back() ^= 1;
  const auto resumed = Verified(true, kSecondTime);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_THAT(FindingsOf(resumed), IsEmpty());
  ASSERT_EQ(resumed->logs.size(), 2u);
  EXPECT_EQ(resumed->logs[0].entries, 13u);
  EXPECT_EQ(resumed->logs[0].resumed_size, 12u);
  EXPECT_EQ(resumed->logs[0].resumed_us, kFirstTime);
  EXPECT_EQ(resumed->logs[0].checkpoints, 5u);
  EXPECT_EQ(resumed->own.entries, 11u);
  EXPECT_EQ(resumed->own.resumed_size, 9u);
  // A full one never looks at what was left.
  const auto full = Verified(false, kSecondTime);
  EXPECT_THAT(FindingsOf(full),
              ElementsAre(Names("360100 entries 3 to 5", "changed")));
  EXPECT_EQ(full->logs[0].resumed_size, 0u);
  // And forgets it where it found something.
  EXPECT_FALSE(std::filesystem::exists(PathOf(kNanchang)));
  EXPECT_TRUE(std::filesystem::exists(PathOf(kJingdezhen)));
}

// The outcome is that of one who reads everything.
TEST_F(VerifiedLogTest, AResumedVerificationEndsWhereAFullOneDoes) {
  VerifyAndGrow();
  const auto resumed = Verified(true, kSecondTime);
  const std::string left = *base::ReadFile(PathOf(kNanchang));
  const auto full = Verified(false, kSecondTime);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  ASSERT_TRUE(full.ok()) << full.status();
  EXPECT_EQ(resumed->entries, full->entries);
  EXPECT_EQ(resumed->checkpoints, full->checkpoints);
  EXPECT_EQ(resumed->logs[0].root, full->logs[0].root);
  EXPECT_EQ(resumed->logs[0].held.size, full->logs[0].held.size);
  EXPECT_EQ(resumed->unwitnessed.at(kNanchang).size(),
            full->unwitnessed.at(kNanchang).size());
  EXPECT_EQ(resumed->unwitnessed.at(kNanchang)[0].end,
            full->unwitnessed.at(kNanchang)[0].end);
  EXPECT_EQ(left.size(), base::ReadFile(PathOf(kNanchang))->size());
}

TEST_F(VerifiedLogTest, NothingNewIsCleanAndNothingLeftIsRead) {
  ASSERT_THAT(FindingsOf(Verified(true, kFirstTime)), IsEmpty());
  const auto again = Verified(true, kSecondTime);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_THAT(FindingsOf(again), IsEmpty());
  EXPECT_EQ(again->logs[1].resumed_size, 12u);
}

TEST_F(VerifiedLogTest, WhatWasProvedBeforeAKillNeedsNoSecondReading) {
  copy_.Write();
  const auto killed = [&] {
    int bundles = 0;
    Progress progress(1, [&](uint64_t, double) {
      if (++bundles == kKilledAtBundle) std::raise(SIGKILL);
    });
    RunOptions options;
    options.leave_us = kFirstTime;
    options.keep_entries_min = 1;
    options.progress = &progress;
    Verify(copy_.archive(), copy_.policy(), options).IgnoreError();
  };
  EXPECT_EXIT(killed(), testing::KilledBySignal(SIGKILL), "");
  const auto resumed = Verified(true, kSecondTime);
  const auto full = Verified(false, kSecondTime);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_THAT(FindingsOf(resumed), IsEmpty());
  EXPECT_EQ(resumed->entries, full->entries);
  EXPECT_EQ(resumed->checkpoints, full->checkpoints);
  uint64_t spared = resumed->own.resumed_size;
  for (const AuditedLog& log : resumed->logs) spared += log.resumed_size;
  EXPECT_GT(spared, 0u);
  EXPECT_LT(spared, full->entries + full->own.entries);
}

// ---- What lies across the seam.

TEST_F(VerifiedLogTest, ALinkToAnEntryInFrontIsChecked) {
  VerifyAndGrow([&] {
    copy_.nanchang.entry(12).EditHeader(
        [](v1::EntryHeader* header) { header->clear_previous(); });
  });
  EXPECT_THAT(FindingsOf(Verified(true, kSecondTime)),
              ElementsAre(Names("360100 entry 12", "as the previous change")));
}

TEST_F(VerifiedLogTest, AnotherRootAtAnOldSizeIsFound) {
  VerifyAndGrow();
  copy_.nanchang.notes.push_back(TestLog::MakeNote(
      copy_.nanchang.signer(), 6, copy_.nanchang.Root(5), copy_.witness));
  EXPECT_THAT(
      FindingsOf(Verified(true, kSecondTime)),
      ElementsAre(Names("360100 checkpoint at size 6", "two different roots")));
}

TEST_F(VerifiedLogTest, AReceiptThatIsMissingAtTheSeamIsFound) {
  VerifyAndGrow();
  copy_.province.bundles.pop_back();
  copy_.province.SignAlone();
  EXPECT_THAT(
      FindingsOf(Verified(true, kSecondTime)),
      testing::Contains(Names("360200 entries 12 to 12", "in no receipt")));
}

TEST_F(VerifiedLogTest, AHeadWithinTheOldPartAsksForAFullVerification) {
  VerifyAndGrow();
  copy_.nanchang.notes.push_back(TestLog::MakeNote(
      copy_.nanchang.signer(), 5, copy_.nanchang.Root(5), copy_.witness));
  const auto resumed = Verified(true, kSecondTime);
  EXPECT_TRUE(absl::IsFailedPrecondition(resumed.status()));
  EXPECT_THAT(resumed.status().message(), HasSubstr("verify without --resume"));
}

// ---- What was left is not for this copy, this policy, or not whole.

TEST_F(VerifiedLogTest, AnotherPolicyIsRefused) {
  VerifyAndGrow();
  copy_.Write();
  Policy policy = copy_.policy();
  policy.synthetic_clock = true;
  RunOptions options;
  options.resume = true;
  const auto resumed = Verify(copy_.archive(), policy, options);
  EXPECT_TRUE(absl::IsFailedPrecondition(resumed.status()));
  EXPECT_THAT(resumed.status().message(), HasSubstr("another policy"));
  options.bodies = Bodies::kRedacted;
  EXPECT_TRUE(absl::IsFailedPrecondition(
      Verify(copy_.archive(), copy_.policy(), options).status()));
}

TEST_F(VerifiedLogTest, AnotherCopyIsRefused) {
  VerifyAndGrow();
  copy_.nanchang.entry(11).body.back() ^= 1;
  const auto resumed = Verified(true, kSecondTime);
  EXPECT_TRUE(absl::IsFailedPrecondition(resumed.status()));
  EXPECT_THAT(resumed.status().message(), HasSubstr("not the one"));
}

TEST_F(VerifiedLogTest, EveryFlippedByteIsNoticed) {
  VerifyAndGrow();
  copy_.Write();
  const std::string sound = *base::ReadFile(PathOf(kNanchang));
  const base::Hash terms = VerifiedTerms(copy_.policy(), Bodies::kComplete);
  ASSERT_TRUE(LoadVerified(copy_.archive(), kNanchang, terms)->has_value());
  for (size_t i = 0; i < sound.size(); ++i) {
    std::string bytes = sound;
    bytes[i] ^= static_cast<char>(1 << i % 8);
    std::ofstream(PathOf(kNanchang), std::ios::binary) << bytes;
    EXPECT_TRUE(absl::IsFailedPrecondition(
        LoadVerified(copy_.archive(), kNanchang, terms).status()))
        << "byte " << i;
  }
}

TEST(LastChangesTest, PiecesHoldWhatWasEncoded) {
  LastChanges changes;
  constexpr uint64_t kKeys = kLastChangesPieceBytes / 24 + 1;
  for (uint64_t i = 1; i <= kKeys; ++i) changes.Of(std::to_string(i)) = i;
  LastChanges read;
  size_t pieces = 0;
  ASSERT_TRUE(changes
                  .Encode([&](std::string_view piece) {
                    ++pieces;
                    return read.Decode(piece);
                  })
                  .ok());
  EXPECT_EQ(pieces, 2u);
  EXPECT_EQ(read.size(), kKeys);
  EXPECT_EQ(read.Of("7"), 7u);
  EXPECT_FALSE(read.Decode("0123456789").ok());
}

TEST(ProgressTest, TellsThePartOfWhatIsToBeRead) {
  std::vector<std::pair<uint64_t, double>> shown;
  Progress progress(1'100, [&](uint64_t entries, double part) {
    shown.emplace_back(entries, part);
  });
  progress.Skip(100);
  progress.Add(500, 250);
  progress.Add(500, 250);
  progress.Add(1, 600);
  EXPECT_THAT(
      shown, ElementsAre(Pair(500u, 0.25), Pair(1000u, 0.5), Pair(1001u, 1.0)));
}

}  // namespace
}  // namespace tongchou::audit
