#include "audit/claims.h"

#include <gtest/gtest.h>

#include "audit/replay.h"
#include "tests/audit/answer_json.h"
#include "tests/audit/finding_matchers.h"
#include "tests/audit/test_archive.h"

namespace tongchou::audit {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AnswerTest : public testing::Test {
 protected:
  AnswerTest() {
    copy_.Write();
    answer_ = AnswerJson(copy_.claims);
  }
  absl::StatusOr<ClaimedFigures> Read(const std::string& text) {
    const std::string path = copy_.PathOf("answer.json");
    std::ofstream(path) << text;
    return ReadJsonAnswer(path);
  }
  std::vector<std::string> Check() {
    const auto answer = Read(answer_.dump());
    if (!answer.ok()) return {answer.status().ToString()};
    return FindingsOf(CheckAnswer(copy_.archive(), copy_.policy(), *answer));
  }
  // What a malformed answer is refused with.
  std::string Refusal() {
    const auto answer = Read(answer_.dump());
    EXPECT_TRUE(absl::IsInvalidArgument(answer.status()));
    return std::string(answer.status().message());
  }

  TestArchive copy_;
  json answer_;
};

TEST_F(AnswerTest, IsReadAsItWasGiven) {
  const auto answer = Read(answer_.dump());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->as_of, kTestDay);
  EXPECT_EQ(answer->on, kTestDay);
  EXPECT_EQ(answer->figures, copy_.claims.figures);
  ASSERT_EQ(answer->basis.size(), 2u);
  EXPECT_EQ(answer->basis.at(kNanchang).size, 12u);
  EXPECT_EQ(answer->basis.at(kNanchang).root, copy_.nanchang.Root(12));
}

TEST_F(AnswerTest, ASoundAnswerIsClean) { EXPECT_THAT(Check(), IsEmpty()); }

TEST_F(AnswerTest, NumbersMayStandWithoutQuotes) {
  answer_["as_of"] = kTestDay;
  answer_["on"] = "20081031";
  for (json& row : answer_["indicators"]) {
    row["period"] = std::stoul(row["period"].get<std::string>());
    if (row["county"].is_null()) row.erase("county");
  }
  answer_["basis"][0]["city"] = kNanchang;
  answer_["basis"][0]["size"] = "12";
  EXPECT_THAT(Check(), IsEmpty());
}

TEST_F(AnswerTest, AnAnswerMayShowAPartOfTheFigures) {
  answer_["indicators"] = {RowOf("K1.1", "360100", &answer_)};
  EXPECT_THAT(Check(), IsEmpty());
}

TEST_F(AnswerTest, AnAnswerOfAnEarlierSizeIsDerivedAgain) {
  copy_.nanchang.Add(
      {20081031, "enrolment", EnrolmentTexts("360103", TestPerson(9), "1")});
  copy_.Sign();
  copy_.Write();
  EXPECT_THAT(Check(), IsEmpty());
}

TEST_F(AnswerTest, AChangedFigureIsNamed) {
  RowOf("K6.balance", "360200", &answer_)["value"] = 1;
  EXPECT_THAT(Check(), ElementsAre(Names("K6.balance city 360200 "
                                         "period 20081031",
                                         "the province says 1, the logs say "
                                         "4900000")));
}

TEST_F(AnswerTest, ANullInsteadOfANumberIsNamed) {
  RowOf("K1.1", "360100", &answer_)["value"] = nullptr;
  EXPECT_THAT(Check(), ElementsAre(Names(
                           "K1.1 city 360100 insurance 110 period 20081031",
                           "says null, the logs say 3")));
}

TEST_F(AnswerTest, AnotherRootIsNamed) {
  answer_["basis"][0]["root"] = std::string(64, '0');
  EXPECT_THAT(Check(), ElementsAre(Names("360100 basis of the answer",
                                         "another root at size 12")));
}

TEST_F(AnswerTest, ABasisBeyondTheLogIsNamed) {
  answer_["basis"][1]["size"] = 99;
  EXPECT_THAT(Check(), ElementsAre(Names("360200 basis of the answer",
                                         "rests on 99 entries; 12 of them")));
}

TEST_F(AnswerTest, ACityThatTheBasisLeavesOutCountsNothing) {
  answer_["basis"].erase(1);
  answer_["indicators"] = {RowOf("K6.count", "360200", &answer_)};
  EXPECT_THAT(Check(), ElementsAre(Names("K6.count city 360200 period 2008",
                                         "says 1, the logs say 0")));
}

TEST_F(AnswerTest, WhatIsNoAnswerIsRefused) {
  for (const char* text : {"", "{", "[]", "7", "{}"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Read(text).status())) << text;
  }
  EXPECT_FALSE(ReadJsonAnswer(copy_.PathOf("nowhere.json")).ok());
}

TEST_F(AnswerTest, EveryPartMustBeThere) {
  const json sound = answer_;
  for (const char* part : {"as_of", "on", "indicators", "basis"}) {
    answer_ = sound;
    answer_.erase(part);
    EXPECT_THAT(Refusal(), HasSubstr("as_of, on, basis and indicators"));
    answer_[part] = nullptr;
    EXPECT_THAT(Refusal(), HasSubstr("as_of, on, basis and indicators"));
  }
}

TEST_F(AnswerTest, DaysMustBeDays) {
  for (const json& day : {json(0), json("2008-02-30"), json(200810), json()}) {
    answer_["as_of"] = day;
    EXPECT_THAT(Refusal(), HasSubstr("as_of")) << day;
  }
}

TEST_F(AnswerTest, AFigureMustBeWhole) {
  const json sound = answer_;
  for (const auto& [name, value] :
       std::map<std::string, json>{{"id", nullptr},
                                   {"value", "3"},
                                   {"value", 1.5},
                                   {"city", "Nanchang"},
                                   {"county", -1},
                                   {"period", "2008-10"}}) {
    answer_ = sound;
    answer_["indicators"][0][name] = value;
    EXPECT_THAT(Refusal(), HasSubstr("indicators: a row needs")) << name;
  }
}

TEST_F(AnswerTest, ABasisMustBeWhole) {
  const json sound = answer_;
  for (const auto& [name, value] :
       std::map<std::string, json>{{"city", "x"},
                                   {"size", nullptr},
                                   {"root", std::string(62, '0')},
                                   {"root", std::string(64, 'g')}}) {
    answer_ = sound;
    answer_["basis"][0][name] = value;
    EXPECT_THAT(Refusal(), HasSubstr("basis: a row needs")) << name;
  }
}

TEST_F(AnswerTest, NothingMayStandTwice) {
  const json sound = answer_;
  answer_["indicators"].push_back(answer_["indicators"][0]);
  EXPECT_THAT(Refusal(), HasSubstr("is there twice"));
  answer_ = sound;
  answer_["basis"].push_back(answer_["basis"][0]);
  EXPECT_THAT(Refusal(), HasSubstr("city 360100 is there twice"));
}

TEST_F(AnswerTest, ATrendIsRefused) {
  json row = RowOf("K1.1", "360100", &answer_);
  row["period"] = "20080930";
  answer_["indicators"].push_back(row);
  EXPECT_THAT(Refusal(),
              HasSubstr("K1.1 city 360100 insurance 110 period 20080930"));
}

TEST(ClaimsTest, AFigureStatedTwiceIsDataLoss) {
  TestArchive copy;
  copy.Write();
  v1::GetIndicatorsResponse first;
  v1::Figure figure;
  figure.set_id("K2");
  figure.set_value(1);
  *first.add_figures() = figure;
  *first.add_figures() = figure;
  WritePieces(copy.archive().claimed_figures(), {first.SerializeAsString()});
  const auto claims = ReadClaimedFigures(copy.archive());
  EXPECT_TRUE(absl::IsDataLoss(claims.status()));
  EXPECT_THAT(claims.status().message(), HasSubstr("K2 province"));
}

TEST(ClaimsTest, BytesThatAreNoAnswerAreDataLoss) {
  TestArchive copy;
  copy.Write();
  WritePieces(copy.archive().claimed_figures(), {"\xff"});
  WritePieces(copy.archive().claimed_records(), {"\xff"});
  EXPECT_TRUE(absl::IsDataLoss(ReadClaimedFigures(copy.archive()).status()));
  const auto records =
      ReadClaimedRecords(copy.archive(), [](const v1::StoredRecord&) {});
  EXPECT_TRUE(absl::IsDataLoss(records.status()));
}

}  // namespace
}  // namespace tongchou::audit
