#include "audit/log_check.h"

#include <gtest/gtest.h>

#include <sstream>

#include "audit/export_entries.h"
#include "audit/replay.h"
#include "tests/audit/finding_matchers.h"
#include "tests/audit/test_archive.h"

namespace tongchou::audit {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class LogCheckTest : public testing::Test {
 protected:
  // Writes the copy as it is and checks its logs.
  std::vector<std::string> Check() {
    copy_.Write();
    return FindingsOf(Verify(copy_.archive(), copy_.policy()));
  }
  // The city itself signs what it did.
  std::vector<std::string> SignAndCheck() {
    copy_.Sign();
    return Check();
  }
  std::string Exported(uint32_t city) {
    std::ostringstream lines;
    EXPECT_TRUE(
        ExportEntries(copy_.archive(), city, 0, UINT64_MAX, &lines).ok());
    return lines.str();
  }

  // Two bundles, so that every byte can be tried.
  void Shrink() {
    log_.bundles.resize(2);
    copy_.jingdezhen.bundles.clear();
    copy_.Sign();
  }
  // The notes of a piece file, each in its usual form.
  static std::vector<std::string> NotesOf(const std::string& path) {
    std::vector<std::string> notes;
    const auto read = ReadPieces(path, [&](std::string_view piece) {
      const auto note = ledger::ParseNote(piece);
      notes.push_back(note.ok() ? ledger::FormatNote(*note) : "no note");
      return absl::OkStatus();
    });
    EXPECT_TRUE(read.ok()) << read.status();
    return notes;
  }

  TestArchive copy_;
  TestLog& log_ = copy_.nanchang;
};

TEST_F(LogCheckTest, ALogThatChangedItsKeyIsClean) {
  const ledger::Signer next(log_.signer().origin(), TestKey('x'));
  log_.ChangeKey(kTestDay, ledger::StateKeyChange(log_.signer(), next), next);
  EXPECT_THAT(SignAndCheck(), IsEmpty());
  log_.Add({20081101, "loan", LoanTexts("360103", TestPerson(0))});
  log_.Add({20081102, "loan", LoanTexts("360103", TestPerson(1))});
  log_.Add({20081103, "loan", LoanTexts("360103", TestPerson(2))});
  EXPECT_THAT(SignAndCheck(), IsEmpty());
  // The new key may sign what lies before it, the old one nothing behind.
  log_.notes[0] = TestLog::MakeNote(next, 3, log_.Root(3), copy_.witness);
  EXPECT_THAT(Check(), IsEmpty());
}

TEST_F(LogCheckTest, AReplacedKeyIsCleanOnceThePolicyNamesIt) {
  const ledger::Signer next(log_.signer().origin(), TestKey('x'));
  log_.ChangeKey(kTestDay,
                 ledger::StateKeyReplacement(log_.signer().verifier(), next),
                 next);
  copy_.Sign();
  copy_.Write();
  Policy policy = copy_.policy();
  EXPECT_THAT(FindingsOf(Verify(copy_.archive(), policy)),
              Contains(HasSubstr("name the new key in the policy")));
  policy.cities[kNanchang].later_keys = {next.verifier()};
  EXPECT_THAT(FindingsOf(Verify(copy_.archive(), policy)), IsEmpty());
}

TEST_F(LogCheckTest, SoundLogsAreClean) {
  copy_.Write();
  const auto summary = Verify(copy_.archive(), copy_.policy());
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_THAT(FindingsOf(summary), IsEmpty());
  EXPECT_EQ(summary->verdict(), Verdict::kClean);
  EXPECT_EQ(summary->entries, 24u);
  EXPECT_EQ(summary->checkpoints, 8u);
  EXPECT_EQ(summary->figures, 0u);
}

TEST_F(LogCheckTest, AnEmptyLogIsClean) {
  log_.bundles.clear();
  EXPECT_THAT(SignAndCheck(), IsEmpty());
}

// ---- Somebody changed the copy, or the province changed what it holds.

TEST_F(LogCheckTest, EveryChangedByteOfABodyIsFound) {
  const TestEntry sound = log_.entry(4);
  for (size_t i = 0; i < sound.body.size(); ++i) {
    log_.entry(4).body = sound.body;
    log_.entry(4).body[i] ^= static_cast<char>(1 << i % 8);
    EXPECT_THAT(Check(), Contains(Names("360100 entries 3 to 5",
                                        "the city signed at size 6")))
        << "byte " << i;
  }
}

TEST_F(LogCheckTest, EveryFieldOfABodyIsProtected) {
  const TestEntry sound = log_.entry(4);
  using EditBody = void (*)(v1::EntryBody*);
  const EditBody edits[] = {
      [](v1::EntryBody* body) { body->set_salt("0123456789abcdeF"); },
      [](v1::EntryBody* body) { body->mutable_key()->back() ^= 1; },
      [](v1::EntryBody* body) { body->mutable_record()->back() ^= 1; },
      [](v1::EntryBody* body) { body->clear_record(); },
      [](v1::EntryBody* body) { body->set_staff("李四"); },
      [](v1::EntryBody* body) { body->set_reason_text("更正"); },
      [](v1::EntryBody* body) { body->set_document_number("[2008] 1"); },
      [](v1::EntryBody* body) { body->set_transaction_id("t"); }};
  for (const EditBody edit : edits) {
    log_.entry(4) = sound;
    log_.entry(4).EditBody(edit);
    EXPECT_THAT(Check(), Contains(Names("360100 entries 3 to 5",
                                        "one of them was changed")));
  }
}

TEST_F(LogCheckTest, EveryChangedByteOfAHeaderIsFound) {
  const TestEntry sound = log_.entry(4);
  for (size_t i = 0; i < sound.header.size(); ++i) {
    log_.entry(4).header = sound.header;
    log_.entry(4).header[i] ^= static_cast<char>(1 << i % 8);
    EXPECT_THAT(Check(), Contains(StartsWith("360100 entr"))) << "byte " << i;
  }
}

TEST_F(LogCheckTest, AFindingInOneCityLeavesTheOtherUntouched) {
  copy_.jingdezhen.entry(0).body.back() ^= 1;
  EXPECT_THAT(Check(), ElementsAre(Names("360200 entries 0 to 2", "size 3")));
}

// Compression and lengths have bits that mean nothing: such a flip is clean,
// but then every entry must be what it was.
TEST_F(LogCheckTest, EveryFlippedByteOfTheBundleFileIsFoundOrHarmless) {
  Shrink();
  copy_.Write();
  const std::string path = copy_.archive().bundles(kNanchang);
  const std::string sound = *base::ReadFile(path);
  const std::string entries = Exported(kNanchang);
  size_t harmless = 0;
  for (size_t i = 0; i < sound.size(); ++i) {
    std::string bytes = sound;
    bytes[i] ^= static_cast<char>(1 << i % 8);
    std::ofstream(path, std::ios::binary) << bytes;
    const auto found = FindingsOf(Verify(copy_.archive(), copy_.policy()));
    if (found.empty()) {
      ++harmless;
      EXPECT_EQ(Exported(kNanchang), entries) << "byte " << i;
    } else {
      EXPECT_THAT(found, Each(StartsWith("360100 "))) << "byte " << i;
    }
  }
  EXPECT_LE(harmless, log_.bundles.size() * 2);
}

// Only the bits that base64 leaves over at the end of a signature mean nothing.
TEST_F(LogCheckTest, EveryFlippedByteOfTheCheckpointFileIsFoundOrHarmless) {
  Shrink();
  copy_.Write();
  const std::string path = copy_.archive().checkpoints(kNanchang);
  const std::string sound = *base::ReadFile(path);
  size_t harmless = 0;
  for (size_t i = 0; i < sound.size(); ++i) {
    std::string bytes = sound;
    bytes[i] ^= static_cast<char>(1 << i % 8);
    std::ofstream(path, std::ios::binary) << bytes;
    const auto found = FindingsOf(Verify(copy_.archive(), copy_.policy()));
    if (found.empty()) {
      ++harmless;
      EXPECT_EQ(NotesOf(path), log_.notes) << "byte " << i;
    } else {
      EXPECT_THAT(found, Each(StartsWith("360100 "))) << "byte " << i;
    }
  }
  EXPECT_LE(harmless, log_.notes.size());
}

TEST_F(LogCheckTest, ADroppedEntryIsNamed) {
  log_.bundles[1].entries.erase(log_.bundles[1].entries.begin() + 1);
  EXPECT_THAT(Check(),
              ElementsAre(Names("360100 entry 4", "says that it is entry 5")));
}

TEST_F(LogCheckTest, ADroppedLastEntryOfABundleIsNamed) {
  log_.bundles[1].entries.pop_back();
  EXPECT_THAT(Check(), ElementsAre(Names("360100 entry 5",
                                         "is missing: the next bundle "
                                         "begins at entry 6")));
}

TEST_F(LogCheckTest, ADroppedEntryIsFoundThoughTheOthersAreRenumbered) {
  log_.bundles[1].entries.erase(log_.bundles[1].entries.begin() + 1);
  for (size_t i = 2; i < log_.bundles.size(); ++i) --log_.bundles[i].first;
  for (uint64_t i = 4; i < log_.size(); ++i) {
    log_.entry(i).EditHeader(
        [i](v1::EntryHeader* header) { header->set_sequence(i); });
  }
  EXPECT_THAT(Check(), Contains(Names("360100 entries 3 to 5", "dropped")));
}

TEST_F(LogCheckTest, AnEntryBehindTheLastHeadIsNamed) {
  log_.Add(
      {20081101, "enrolment", EnrolmentTexts("360103", TestPerson(9), "1")});
  EXPECT_THAT(Check(), ElementsAre(Names("360100 entries 12 to 12",
                                         "covered by no head")));
}

TEST_F(LogCheckTest, ADroppedBundleIsNamed) {
  log_.bundles.erase(log_.bundles.begin() + 1);
  EXPECT_THAT(Check(), ElementsAre(Names("360100 entry 3",
                                         "is missing: the next bundle "
                                         "begins at entry 6")));
}

TEST_F(LogCheckTest, ADroppedLastBundleIsNamed) {
  log_.bundles.pop_back();
  EXPECT_THAT(Check(), ElementsAre(Names("360100 entry 9",
                                         "the city signed 12 entries")));
}

TEST_F(LogCheckTest, AMissingBundleFileIsNamed) {
  copy_.Write();
  std::filesystem::remove(copy_.archive().bundles(kNanchang));
  EXPECT_THAT(FindingsOf(Verify(copy_.archive(), copy_.policy())),
              ElementsAre(Names("360100 entry 0", "is missing")));
}

TEST_F(LogCheckTest, ReorderedEntriesAreNamed) {
  std::swap(log_.entry(3), log_.entry(4));
  EXPECT_THAT(Check(),
              ElementsAre(Names("360100 entry 3", "says that it is entry 4")));
}

TEST_F(LogCheckTest, ReorderedBundlesAreNamed) {
  std::swap(log_.bundles[1], log_.bundles[2]);
  EXPECT_THAT(Check(), ElementsAre(Names("360100 entry 3",
                                         "next bundle begins at entry 6")));
}

TEST_F(LogCheckTest, ARepeatedBundleIsNamed) {
  log_.bundles.insert(log_.bundles.begin() + 1, log_.bundles[0]);
  EXPECT_THAT(Check(),
              ElementsAre(Names("360100 entry 3", "begins at entry 0")));
}

TEST_F(LogCheckTest, AnEntryOfTheOtherCityIsFound) {
  log_.entry(4) = copy_.jingdezhen.entry(4);
  EXPECT_THAT(Check(), Contains(Names("360100 entries 3 to 5", "changed")));
}

// ---- The city itself signed something that is not in order.

TEST_F(LogCheckTest, ARepeatedSequenceIsNamed) {
  log_.entry(4).EditHeader(
      [](v1::EntryHeader* header) { header->set_sequence(3); });
  EXPECT_THAT(SignAndCheck(),
              ElementsAre(Names("360100 entry 4", "says that it is entry 3")));
}

TEST_F(LogCheckTest, TimeThatGoesBackIsNamed) {
  log_.entry(7).EditHeader([](v1::EntryHeader* header) {
    header->set_commit_time_us(base::ChinaDayStart(20080303));
  });
  EXPECT_THAT(SignAndCheck(),
              ElementsAre(Names("360100 entry 7", "2008-03-03T00:00:00")));
}

TEST_F(LogCheckTest, EqualTimesAreInOrder) {
  int64_t time = 0;
  log_.entry(6).EditHeader(
      [&](v1::EntryHeader* header) { time = header->commit_time_us(); });
  log_.entry(7).EditHeader(
      [&](v1::EntryHeader* header) { header->set_commit_time_us(time); });
  EXPECT_THAT(SignAndCheck(), IsEmpty());
}

TEST_F(LogCheckTest, AWrongPreviousLinkIsNamed) {
  log_.entry(3).EditHeader(
      [](v1::EntryHeader* header) { header->set_previous(1); });
  EXPECT_THAT(SignAndCheck(), ElementsAre(Names("360100 entry 3",
                                                "names entry 1 as the "
                                                "previous change")));
}

TEST_F(LogCheckTest, AMissingPreviousLinkIsNamed) {
  log_.entry(3).EditHeader(
      [](v1::EntryHeader* header) { header->clear_previous(); });
  EXPECT_THAT(SignAndCheck(),
              ElementsAre(Names("360100 entry 3", "but that is entry 2")));
}

TEST_F(LogCheckTest, APreviousLinkOfAFirstChangeIsNamed) {
  log_.entry(5).EditHeader(
      [](v1::EntryHeader* header) { header->set_previous(5); });
  EXPECT_THAT(SignAndCheck(),
              ElementsAre(Names("360100 entry 5", "but that is entry 0")));
}

TEST_F(LogCheckTest, AWithheldBodyIsNamed) {
  log_.entry(4).withheld = true;
  EXPECT_THAT(Check(),
              ElementsAre(Names("360100 entry 4", "its body is missing")));
}

TEST_F(LogCheckTest, ABodyThatIsNoMessageIsNamed) {
  log_.entry(4).body = "\xff";
  log_.Sign(copy_.witness);
  EXPECT_THAT(Check(),
              ElementsAre(Names("360100 entry 4", "its body is no message")));
}

TEST_F(LogCheckTest, ATransactionThatDoesNotEndIsNamed) {
  log_.entry(11).EditHeader(
      [](v1::EntryHeader* header) { header->clear_last_of_transaction(); });
  EXPECT_THAT(SignAndCheck(), ElementsAre(Names("360100 entry 11",
                                                "does not end its "
                                                "transaction")));
}

// ---- Times against those of the cosignatures.

TEST_F(LogCheckTest, AnEntryOfTheFutureIsNamed) {
  const auto cosign_after = [&](int64_t seconds) {
    v1::EntryHeader last;
    ASSERT_TRUE(last.ParseFromString(log_.entry(11).header));
    log_.notes[3] = TestLog::MakeNote(
        log_.signer(), 12, log_.Root(12), copy_.witness,
        static_cast<uint64_t>(last.commit_time_us() / 1'000'000 + seconds));
  };
  cosign_after(-kCosignedTimeTolerance);
  EXPECT_THAT(Check(), IsEmpty());
  cosign_after(-kCosignedTimeTolerance - 1);
  EXPECT_THAT(
      Check(),
      ElementsAre(Names("360100 entry 11",
                        "names the time 2008-10-31T12:00:00.000000+08:00, but "
                        "the province had seen it at "
                        "2008-10-31T11:57:59.000000+08:00")));
  Policy policy = copy_.policy();
  policy.synthetic_clock = true;
  EXPECT_THAT(FindingsOf(Verify(copy_.archive(), policy)), IsEmpty());
}

// A backdated entry looks like one that was kept back: both are shown.
TEST_F(LogCheckTest, EntriesThatWereSeenLateAreShown) {
  const auto cosign = [&](size_t note, int64_t delay) {
    const uint64_t size = 3 * (note + 1);
    v1::EntryHeader first;
    ASSERT_TRUE(first.ParseFromString(log_.entry(size - 3).header));
    log_.notes[note] = TestLog::MakeNote(
        log_.signer(), size, log_.Root(size), copy_.witness,
        static_cast<uint64_t>(first.commit_time_us() / 1'000'000 + delay));
  };
  constexpr int64_t kYear = 366 * 86'400;
  for (size_t note = 0; note < 4; ++note) cosign(note, kYear);
  cosign(1, 90 * 86'400);
  copy_.Write();
  auto summary = Verify(copy_.archive(), copy_.policy());
  EXPECT_THAT(FindingsOf(summary), IsEmpty());
  ASSERT_EQ(summary->unwitnessed[360100].size(), 1u);
  EXPECT_EQ(summary->unwitnessed[360100][0].first, 0u);
  EXPECT_EQ(summary->unwitnessed[360100][0].end, 12u);
  EXPECT_EQ(summary->unwitnessed[360100][0].seconds, kYear);
  // One bundle of entries that are no further apart than the bound.
  log_.bundles.resize(1);
  for (uint64_t i = 1; i < 3; ++i) {
    log_.entry(i).EditHeader([&](v1::EntryHeader* header) {
      header->set_commit_time_us(base::ChinaDayStart(20070301) +
                                 base::kMicrosPerDay / 2);
    });
  }
  copy_.Sign();
  cosign(0, kContactSeconds);
  copy_.Write();
  summary = Verify(copy_.archive(), copy_.policy());
  EXPECT_THAT(FindingsOf(summary), IsEmpty());
  EXPECT_FALSE(summary->unwitnessed.contains(360100));
  cosign(0, kContactSeconds + 1);
  copy_.Write();
  EXPECT_TRUE(
      Verify(copy_.archive(), copy_.policy())->unwitnessed.contains(360100));
}

// ---- Heads.

TEST_F(LogCheckTest, AWrongRootSignedByTheCityIsNamed) {
  log_.notes[1] =
      TestLog::MakeNote(log_.signer(), 6, log_.Root(5), copy_.witness);
  EXPECT_THAT(Check(), ElementsAre(Names("360100 entries 3 to 5",
                                         "the city signed at size 6")));
}

TEST_F(LogCheckTest, AWrongRootOfTheEmptyLogIsNamed) {
  log_.notes.push_back(
      TestLog::MakeNote(log_.signer(), 0, log_.Root(1), copy_.witness));
  EXPECT_THAT(Check(), ElementsAre(Names("360100 checkpoint at size 0",
                                         "root of an empty log")));
}

TEST_F(LogCheckTest, TwoRootsSignedAtOneSizeAreNamed) {
  log_.notes.push_back(
      TestLog::MakeNote(log_.signer(), 6, log_.Root(5), copy_.witness));
  EXPECT_THAT(Check(), ElementsAre(Names("360100 checkpoint at size 6",
                                         "two different roots")));
}

TEST_F(LogCheckTest, ACheckpointOfAnotherKeyIsNamed) {
  const ledger::Signer forger(log_.signer().origin(), TestKey('f'));
  log_.notes[1] = TestLog::MakeNote(forger, 6, log_.Root(6), copy_.witness);
  EXPECT_THAT(Check(), ElementsAre(Names("360100 checkpoint 2 of the copy",
                                         log_.signer().origin())));
}

TEST_F(LogCheckTest, ACheckpointOfTheOtherCityIsNamed) {
  log_.notes[1] = copy_.jingdezhen.notes[1];
  EXPECT_THAT(Check(), ElementsAre(StartsWith("360100 checkpoint 2 of the "
                                              "copy: ")));
}

TEST_F(LogCheckTest, ACosignatureOfAnotherWitnessIsNamed) {
  const ledger::Cosigner other("tongchou/360000/witness", TestKey('o'));
  log_.notes[1] = TestLog::MakeNote(log_.signer(), 6, log_.Root(6), other);
  EXPECT_THAT(Check(),
              ElementsAre(Names("360100 checkpoint at size 6",
                                "the province's cosignature does not hold")));
}

TEST_F(LogCheckTest, AMissingCosignatureIsNamed) {
  log_.notes[3] = log_.signer().Sign(12, log_.Root(12));
  EXPECT_THAT(Check(),
              ElementsAre(Names("360100 checkpoint at size 12",
                                "the province's cosignature does not hold")));
}

TEST_F(LogCheckTest, ALaterCosignatureCoversAHeadWithoutOne) {
  log_.notes[1] = log_.signer().Sign(6, log_.Root(6));
  EXPECT_THAT(Check(), IsEmpty());
}

TEST_F(LogCheckTest, EntriesThatNoHeadCoversAreNamed) {
  log_.notes.pop_back();
  EXPECT_THAT(Check(), ElementsAre(Names("360100 entries 9 to 11",
                                         "are covered by no head")));
}

TEST_F(LogCheckTest, ALogWithoutHeadsIsNamed) {
  log_.notes.clear();
  EXPECT_THAT(Check(), ElementsAre(Names("360100 entries 0 to 11",
                                         "are covered by no head")));
}

TEST_F(LogCheckTest, AMissingHeadInBetweenIsCoveredByTheNext) {
  log_.notes.erase(log_.notes.begin() + 1);
  EXPECT_THAT(Check(), IsEmpty());
}

// ---- What cannot be checked.

TEST_F(LogCheckTest, ALogWithoutAPinnedKeyIsRefused) {
  copy_.Write();
  Policy policy = copy_.policy();
  policy.cities.erase(kJingdezhen);
  const auto verified = Verify(copy_.archive(), policy);
  EXPECT_TRUE(absl::IsFailedPrecondition(verified.status()));
  EXPECT_THAT(verified.status().message(), HasSubstr("360200"));
  const auto replayed = Replay(copy_.archive(), policy);
  EXPECT_TRUE(absl::IsFailedPrecondition(replayed.status()));
}

TEST_F(LogCheckTest, ACopyWithoutLogsIsNotFound) {
  EXPECT_TRUE(
      absl::IsNotFound(Verify(copy_.archive(), copy_.policy()).status()));
  std::filesystem::create_directory(copy_.path());
  EXPECT_TRUE(
      absl::IsNotFound(Verify(copy_.archive(), copy_.policy()).status()));
}

}  // namespace
}  // namespace tongchou::audit
