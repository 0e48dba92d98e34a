#include "audit/replay.h"

#include <gtest/gtest.h>

#include "audit/report.h"
#include "tests/audit/finding_matchers.h"
#include "tests/audit/test_archive.h"

namespace tongchou::audit {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ReplayTest : public testing::Test {
 protected:
  std::vector<std::string> Check() {
    copy_.Write();
    return FindingsOf(Replay(copy_.archive(), copy_.policy()));
  }
  // The claim that rests on this entry of Nanchang.
  v1::StoredRecord& RecordOf(uint64_t sequence) {
    const auto found = std::find_if(
        claims_.records.begin(), claims_.records.end(),
        [&](const v1::StoredRecord& record) {
          return record.city() == kNanchang && record.sequence() == sequence;
        });
    EXPECT_NE(found, claims_.records.end());
    return *found;
  }
  static std::string PlaceOf(const v1::StoredRecord& record,
                             const std::string& type) {
    return absl::StrCat(record.city(), " ", type, " ",
                        base::HexEncode(record.key()));
  }

  TestArchive copy_;
  TestClaims& claims_ = copy_.claims;
  const FigureName insured_{"K1.1", false, kNanchang, 360103, "110", kTestDay};
  const std::string insured_place_ =
      "K1.1 city 360100 county 360103 insurance 110 period 20081031";
};

TEST_F(ReplayTest, SoundClaimsAreClean) {
  copy_.Write();
  const auto summary = Replay(copy_.archive(), copy_.policy());
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_THAT(FindingsOf(summary), IsEmpty());
  EXPECT_EQ(summary->verdict(), Verdict::kClean);
  EXPECT_EQ(summary->entries, 24u);
  EXPECT_EQ(summary->checkpoints, 8u);
  EXPECT_EQ(summary->records, 18u);
  EXPECT_EQ(summary->figures, claims_.figures.size());
  EXPECT_EQ(summary->records_digest.size(), 64u);
}

// Heads of the province's log need the cosignatures that the policy wants, but
// for the newest.
TEST_F(ReplayTest, AQuorumOfWitnessesIsCounted) {
  copy_.Write();
  const ledger::Cosigner first("tongchou/360000/360100/witness", TestKey('a'));
  const ledger::Cosigner second("audit.example/witness", TestKey('b'));
  Policy policy = copy_.policy();
  policy.witnesses = {first.verifier(), second.verifier()};
  policy.quorum = 2;
  EXPECT_THAT(FindingsOf(Verify(copy_.archive(), policy)), IsEmpty())
      << "nothing is older than the witnesses need";
  copy_.province.AddOwn(kTestDay + 100, v1::PROVINCE_RECORD_TYPE_REFUSALS, "",
                        0);
  copy_.province.SignAlone();
  copy_.Write();
  EXPECT_THAT(FindingsOf(Verify(copy_.archive(), policy)),
              ElementsAre(Names("province entries 0 to 9", "cosigned")));
  // One of them on one note, the other on another of the same head.
  auto& notes = copy_.province.notes;
  const std::string head = notes[notes.size() - 2];
  notes.push_back(*first.Cosign(head, 7));
  copy_.Write();
  EXPECT_THAT(FindingsOf(Verify(copy_.archive(), policy)), SizeIs(1));
  notes.push_back(*second.Cosign(head, 8));
  copy_.Write();
  EXPECT_THAT(FindingsOf(Verify(copy_.archive(), policy)), IsEmpty());
}

TEST_F(ReplayTest, AQuorumIsCountedForTheCitiesLogsToo) {
  copy_.Write();
  const ledger::Cosigner first("audit.example/witness", TestKey('a'));
  const ledger::Cosigner second("court.example/witness", TestKey('b'));
  Policy policy = copy_.policy();
  policy.witnesses = {first.verifier(), second.verifier()};
  policy.city_quorum = 2;
  EXPECT_THAT(
      FindingsOf(Verify(copy_.archive(), policy)),
      ElementsAre(Names("360100 entries 0 to 11", "that 2 witnesses cosigned"),
                  Names("360200 entries 0 to 11", "2 witnesses")));
  for (TestLog* log : {&copy_.nanchang, &copy_.jingdezhen}) {
    const std::string head = log->notes.back();
    log->notes.push_back(*second.Cosign(*first.Cosign(head, 70), 80));
  }
  copy_.Write();
  auto summary = Verify(copy_.archive(), policy);
  EXPECT_THAT(FindingsOf(summary), IsEmpty());
  EXPECT_EQ(summary->logs[0].signed_size, 12u);
  EXPECT_EQ(summary->logs[0].held.size, 12u);
  EXPECT_EQ(summary->logs[0].held.seconds, kTestCosigned);
  EXPECT_EQ(summary->logs[0].witnessed.size, 12u);
  EXPECT_EQ(summary->logs[0].witnessed.seconds, 80u);
  EXPECT_EQ(summary->own.witnessed.size, 0u);
  summary->made_us = 7'280 * base::kMicrosPerSecond;
  EXPECT_THAT(FormatText(*summary),
              testing::HasSubstr("12 witnessed 2.0 hours ago"));
  // One line of a witness that does not hold is no head without it.
  copy_.nanchang.notes.push_back(
      *ledger::Cosigner("audit.example/witness", TestKey('a'))
           .Cosign(copy_.nanchang.notes.back(), 90));
  std::string& broken = copy_.nanchang.notes.back();
  broken[broken.size() - 12] = broken[broken.size() - 12] == 'A' ? 'B' : 'A';
  copy_.Write();
  EXPECT_THAT(FindingsOf(Verify(copy_.archive(), policy)),
              ElementsAre(Names("360100 checkpoint at size 12",
                                "a witness's cosignature does not hold")));
}

TEST_F(ReplayTest, FiguresAsOfADayOutOfTheLogsAlone) {
  copy_.Write();
  const FigureName insured{"K1.1", false, kNanchang, 360103, "110", 20080131};
  const auto then = ReplayAsOf(copy_.archive(), copy_.policy(), {20080131});
  ASSERT_TRUE(then.ok()) << then.status();
  EXPECT_THAT(FindingsOf(then), IsEmpty());
  EXPECT_EQ(then->computed.at(insured), 2);
  // As the claims have it on their day.
  const auto now = ReplayAsOf(copy_.archive(), copy_.policy(), {kTestDay});
  EXPECT_EQ(now->computed, copy_.claims.figures);
  // One entry only of Nanchang's log: a unit, nobody insured.
  const auto part =
      ReplayAsOf(copy_.archive(), copy_.policy(), {kTestDay, kNanchang, 1});
  EXPECT_FALSE(part->computed.contains(
      {"K1.1", false, kNanchang, 360103, "110", kTestDay}));
  EXPECT_TRUE(absl::IsOutOfRange(
      ReplayAsOf(copy_.archive(), copy_.policy(), {kTestDay, kNanchang, 13})
          .status()));
}

TEST_F(ReplayTest, ClaimsMayRestOnLessThanTheLogsHave) {
  copy_.nanchang.Add(
      {20081101, "enrolment", EnrolmentTexts("360103", TestPerson(9), "1")});
  copy_.nanchang.Sign(copy_.witness);
  copy_.GiveReceipts();
  EXPECT_THAT(Check(), IsEmpty());
}

TEST_F(ReplayTest, ClaimsThatLeaveACityOutAreNamed) {
  const std::vector<TestBundle> bundles = copy_.nanchang.bundles;
  copy_.nanchang.bundles.clear();
  copy_.Claim();
  copy_.nanchang.bundles = bundles;
  EXPECT_THAT(Check(), ElementsAre(Names("360100 basis of the figures",
                                         "leaves out this city, whose log has "
                                         "12 entries")));
  claims_.records_basis.mutable_cities()->DeleteSubrange(0, 1);
  claims_.figures_basis.mutable_cities()->DeleteSubrange(0, 1);
  EXPECT_THAT(Check(), ElementsAre(Names("360100 basis of the figures",
                                         "leaves out this city")));
}

TEST_F(ReplayTest, WhatIsWrongWithALogIsFoundToo) {
  copy_.nanchang.entry(11).body.back() ^= 1;
  EXPECT_THAT(Check(), Contains(Names("360100 entries 9 to 11", "changed")));
}

// ---- Records.

TEST_F(ReplayTest, EveryChangedByteOfARecordIsNamed) {
  const v1::StoredRecord sound = RecordOf(6);
  for (size_t i = 0; i < sound.record().size(); ++i) {
    v1::StoredRecord& record = RecordOf(6);
    record = sound;
    (*record.mutable_record())[i] ^= static_cast<char>(1 << i % 8);
    EXPECT_THAT(Check(), ElementsAre(Names(PlaceOf(sound, "loan"),
                                           "differs from entry 6")))
        << "byte " << i;
  }
}

TEST_F(ReplayTest, AMissingRecordIsNamed) {
  const v1::StoredRecord gone = RecordOf(6);
  std::erase_if(claims_.records, [&](const v1::StoredRecord& record) {
    return record.SerializeAsString() == gone.SerializeAsString();
  });
  EXPECT_THAT(Check(), ElementsAre(Names(PlaceOf(gone, "loan"),
                                         "missing in the database; entry 6 "
                                         "wrote it")));
}

TEST_F(ReplayTest, ARecordOfNoLogIsNamed) {
  v1::StoredRecord invented = RecordOf(6);
  invented.set_key("\x02\x19L2" + std::string(1, '\0'));
  claims_.records.push_back(invented);
  EXPECT_THAT(Check(), ElementsAre(Names(PlaceOf(invented, "loan"),
                                         "stands in the database and in no "
                                         "log")));
}

TEST_F(ReplayTest, ARecordOfACityWithoutLogIsNamed) {
  v1::StoredRecord invented = RecordOf(6);
  invented.set_city(360300);
  claims_.records.push_back(invented);
  EXPECT_THAT(Check(),
              ElementsAre(Names(PlaceOf(invented, "loan"), "in no log")));
}

TEST_F(ReplayTest, ADeletedRecordThatTheProvinceKeepsIsNamed) {
  const v1::StoredRecord kept = RecordOf(6);
  copy_.nanchang.Add({20081031, "loan", {{"ACC140", "L1"}}, /*deleted=*/true});
  copy_.Sign();
  claims_.records.push_back(kept);
  EXPECT_THAT(Check(), ElementsAre(Names(PlaceOf(kept, "loan"), "in no log")));
}

TEST_F(ReplayTest, ARecordClaimedTwiceIsNamed) {
  const v1::StoredRecord twice = RecordOf(6);
  claims_.records.push_back(twice);
  EXPECT_THAT(Check(), ElementsAre(Names(PlaceOf(twice, "loan"), "twice")));
}

TEST_F(ReplayTest, AnOlderVersionOfARecordIsNamed) {
  v1::StoredRecord& record = RecordOf(3);
  v1::EntryBody before;
  copy_.nanchang.entry(1).EditBody(
      [&](v1::EntryBody* body) { before = *body; });
  record.set_record(before.record());
  record.set_sequence(1);
  EXPECT_THAT(Check(), ElementsAre(Names(PlaceOf(record, "enrolment"),
                                         "differs from entry 3")));
}

TEST_F(ReplayTest, AWrongLastChangeIsNamed) {
  v1::StoredRecord& record = RecordOf(3);
  record.set_sequence(1);
  EXPECT_THAT(Check(), ElementsAre(Names(PlaceOf(record, "enrolment"),
                                         "names entry 1 as its last change, "
                                         "but that is entry 3")));
}

// ---- Figures.

TEST_F(ReplayTest, EveryChangedFigureIsNamed) {
  for (auto& [name, value] : claims_.figures) {
    const std::optional<int64_t> sound = value;
    value = sound.value_or(0) + 1;
    EXPECT_THAT(
        Check(),
        ElementsAre(Names(Describe(name),
                          absl::StrCat("the province says ", *value,
                                       ", the logs say ", sound.value_or(0)))));
    value = sound;
  }
}

TEST_F(ReplayTest, AChangedFigureIsNamedInWords) {
  claims_.figures[insured_] = 4;
  EXPECT_THAT(Check(), ElementsAre(insured_place_ + ": the province says 4, "
                                                    "the logs say 3"));
}

TEST_F(ReplayTest, AMissingFigureIsNamed) {
  claims_.figures.erase(insured_);
  EXPECT_THAT(Check(), ElementsAre(Names(insured_place_,
                                         "province says 0, the logs say 3")));
}

TEST_F(ReplayTest, AFigureThatTheLogsDoNotGiveIsNamed) {
  FigureName invented = insured_;
  invented.insurance = "310";
  claims_.figures[invented] = 7;
  EXPECT_THAT(Check(), ElementsAre(Names(Describe(invented),
                                         "province says 7, the logs say 0")));
}

TEST_F(ReplayTest, AFigureOfZeroMayBeLeftOut) {
  FigureName nothing = insured_;
  nothing.insurance = "310";
  claims_.figures[nothing] = 0;
  EXPECT_THAT(Check(), IsEmpty());
}

TEST_F(ReplayTest, ANullInsteadOfANumberIsNamed) {
  claims_.figures[insured_] = std::nullopt;
  EXPECT_THAT(Check(),
              ElementsAre(Names(insured_place_, "says null, the logs say 3")));
}

TEST_F(ReplayTest, AZeroInsteadOfNullIsNamed) {
  copy_.jingdezhen.bundles.clear();
  copy_.Sign();
  const FigureName unknown{"K4", false, kJingdezhen, 0, "", kTestDay};
  ASSERT_EQ(claims_.figures.at(unknown), std::nullopt);
  claims_.figures[unknown] = 0;
  EXPECT_THAT(Check(), ElementsAre(Names("K4 city 360200 period 20081031",
                                         "says 0, the logs say null")));
}

// ---- What the claims rest on.

TEST_F(ReplayTest, AnotherRootIsNamed) {
  const std::string other(claims_.figures_basis.cities(1).root());
  claims_.figures_basis.mutable_cities(0)->set_root(other);
  EXPECT_THAT(Check(), ElementsAre(Names("360100 basis of the figures",
                                         "another root at size 12")));
  claims_.records_basis = claims_.figures_basis;
  EXPECT_THAT(
      Check(),
      ElementsAre(
          Names("360100 basis of the figures", "another root at size 12"),
          Names("360100 basis of the records", "another root at size 12")));
}

TEST_F(ReplayTest, ABasisBeyondTheLogIsNamed) {
  claims_.figures_basis.mutable_cities(0)->set_size(13);
  claims_.records_basis = claims_.figures_basis;
  EXPECT_THAT(
      Check(),
      ElementsAre(
          Names("360100 basis of the figures", "rests on 13 entries; 12 of"),
          Names("360100 basis of the records", "rests on 13 entries; 12 of")));
}

TEST_F(ReplayTest, ABasisOfACityWithoutLogIsNamed) {
  for (v1::AnswerBasis* basis :
       {&claims_.figures_basis, &claims_.records_basis}) {
    *basis->add_cities() = basis->cities(0);
    basis->mutable_cities(2)->set_city(360300);
  }
  EXPECT_THAT(Check(), Contains(Names("360300 basis of the figures",
                                      "there is no log of this city")));
}

TEST_F(ReplayTest, ADroppedLogIsNamed) {
  copy_.Write();
  std::filesystem::remove_all(copy_.archive().city_directory(kJingdezhen));
  EXPECT_THAT(FindingsOf(Replay(copy_.archive(), copy_.policy())),
              Contains(Names("360200 basis of the figures",
                             "there is no log of this city")));
}

TEST_F(ReplayTest, RecordsAndFiguresMustRestOnTheSame) {
  claims_.records_basis.mutable_cities(0)->set_size(9);
  copy_.Write();
  const auto summary = Replay(copy_.archive(), copy_.policy());
  EXPECT_TRUE(absl::IsFailedPrecondition(summary.status()));
  EXPECT_THAT(summary.status().message(), HasSubstr("360100"));
}

TEST_F(ReplayTest, WithoutClaimsThereIsNothingToCompare) {
  copy_.Write();
  std::filesystem::remove(copy_.archive().claimed_records());
  EXPECT_TRUE(
      absl::IsNotFound(Replay(copy_.archive(), copy_.policy()).status()));
  std::filesystem::remove(copy_.archive().claimed_figures());
  EXPECT_TRUE(
      absl::IsNotFound(Replay(copy_.archive(), copy_.policy()).status()));
}

}  // namespace
}  // namespace tongchou::audit
