#include "audit/figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/audit/test_archive.h"

namespace tongchou::audit {
namespace {

using testing::Contains;
using testing::Not;
using testing::Pair;

using Value = std::optional<int64_t>;

// One city whose log is replayed up to a day.
class City {
 public:
  explicit City(uint32_t code) : log_(code, 'c') {}

  void Enrol(uint32_t day, int person, const std::string& county) {
    log_.Add(
        {day, "enrolment", EnrolmentTexts(county, TestPerson(person), "1")});
  }
  TestLog& log() { return log_; }

  void ReplayTo(uint32_t as_of, CityScan* scan) {
    records_ = std::make_unique<RecordSet>(
        log_.city(), ReplayLimit{.size = UINT64_MAX, .as_of = as_of});
    records_->AtEndOfDay((as_of / 10'000 - 1) * 10'000 + 1231,
                         [scan](const RecordSet& records) {
                           scan->opening = ScanOpeningStock(records);
                         });
    log_.ForEach([&](const TestEntry& entry) {
      v1::EntryHeader header;
      v1::EntryBody body;
      ASSERT_TRUE(header.ParseFromString(entry.header));
      ASSERT_TRUE(body.ParseFromString(entry.body));
      records_->Take({header, body, entry.header, entry.body});
    });
    records_->Finish();
    scan->records = records_.get();
  }

 private:
  TestLog log_;
  std::unique_ptr<RecordSet> records_;
};

class FiguresTest : public testing::Test {
 protected:
  FigureTable Compute(uint32_t as_of = kTestDay) {
    std::vector<CityScan> scans(2);
    nanchang_.ReplayTo(as_of, &scans[0]);
    jingdezhen_.ReplayTo(as_of, &scans[1]);
    return ComputeFigures(scans, as_of, as_of);
  }
  static FigureName Increase(uint32_t city, uint32_t as_of = kTestDay) {
    return {"K1.4", false, city, 0, "110", as_of};
  }

  City nanchang_{kNanchang};
  City jingdezhen_{kJingdezhen};
};

TEST_F(FiguresTest, TheNetIncreaseIsAgainstTheEndOfTheYearBefore) {
  nanchang_.Enrol(20071231, 1, "360103");
  jingdezhen_.Enrol(20071231, 2, "360202");
  nanchang_.Enrol(20080101, 3, "360103");
  nanchang_.Enrol(20081031, 4, "360103");
  const FigureTable figures = Compute();
  EXPECT_EQ(figures.at(Increase(kNanchang)), 2);
  EXPECT_EQ(figures.at(Increase(kJingdezhen)), 0);
  EXPECT_EQ(figures.at(Increase(0)), 2);
}

TEST_F(FiguresTest, TheNetIncreaseIsNullWithoutAYearBefore) {
  nanchang_.Enrol(20071231, 1, "360103");
  jingdezhen_.Enrol(20080101, 2, "360202");
  const FigureTable figures = Compute();
  EXPECT_EQ(figures.at(Increase(kNanchang)), 0);
  EXPECT_EQ(figures.at(Increase(kJingdezhen)), std::nullopt);
  EXPECT_EQ(figures.at({"K1.4", false, kJingdezhen, 360202, "110", kTestDay}),
            std::nullopt);
  EXPECT_EQ(figures.at(Increase(0)), std::nullopt);
  EXPECT_EQ(figures.at({"K1.4", true, 0, 0, "110", kTestDay}), std::nullopt);
}

TEST_F(FiguresTest, ACityWithoutAnyEntryLeavesTheProvinceItsNetIncrease) {
  nanchang_.Enrol(20071231, 1, "360103");
  nanchang_.Enrol(20080101, 2, "360103");
  EXPECT_EQ(Compute().at(Increase(0)), 1);
}

TEST_F(FiguresTest, TheNetIncreaseOfAnEmptiedCityIsNegative) {
  nanchang_.Enrol(20071231, 1, "360103");
  nanchang_.log().Add({20080101,
                       "enrolment",
                       {{"AAC002", TestPerson(1)}, {"AAE140", "110"}},
                       /*deleted=*/true});
  EXPECT_EQ(Compute().at(Increase(kNanchang)), -1);
}

TEST_F(FiguresTest, EntriesBehindTheDayDoNotCount) {
  nanchang_.Enrol(20070301, 1, "360103");
  nanchang_.Enrol(20081101, 2, "360103");
  jingdezhen_.Enrol(20081101, 3, "360202");
  const FigureTable figures = Compute();
  EXPECT_EQ(figures.at({"K1.1", false, kNanchang, 0, "110", kTestDay}), 1);
  EXPECT_EQ(figures.at(Increase(0)), 0);
  EXPECT_EQ(figures.at({"K4", false, kJingdezhen, 0, "", kTestDay}),
            std::nullopt);
}

TEST_F(FiguresTest, StocksOfACityThatCommittedNothingAreNull) {
  nanchang_.Enrol(20070301, 1, "360103");
  const FigureTable figures = Compute();
  for (const char* id : {"K4", "K4.390", "K6.balance", "K5", "K5.1", "K5.heads",
                         "K5.uninsured", "K7.families", "K7.members"}) {
    const FigureName unknown{id, false, kJingdezhen, 0, "", kTestDay};
    EXPECT_THAT(figures, Contains(Pair(unknown, Value()))) << id;
    FigureName known = unknown;
    known.city = kNanchang;
    EXPECT_THAT(figures, Not(Contains(Pair(known, Value())))) << id;
  }
}

TEST_F(FiguresTest, ACityWithAnyEntryHasStocksOfZero) {
  nanchang_.Enrol(20070301, 1, "360103");
  jingdezhen_.log().Add({20080202,
                         "filing",
                         {{"ACC030", "F1"},
                          {"AAC002", TestPerson(2)},
                          {"AAB301", "360202"},
                          {"ACC031", "20080115"}}});
  for (const auto& [name, value] : Compute()) {
    EXPECT_EQ(value.has_value(), name.id != "K1.4" || name.city != 0)
        << Describe(name);
  }
}

TEST_F(FiguresTest, TheSecondProvincialLineCountsEveryPersonOnce) {
  nanchang_.Enrol(20070301, 1, "360103");
  nanchang_.Enrol(20070301, 2, "360104");
  jingdezhen_.Enrol(20070301, 1, "360202");
  const FigureTable figures = Compute();
  EXPECT_EQ(figures.at({"K1.1", false, kNanchang, 0, "110", kTestDay}), 2);
  EXPECT_EQ(figures.at({"K1.1", false, 0, 0, "110", kTestDay}), 3);
  EXPECT_EQ(figures.at({"K1.1", true, 0, 0, "110", kTestDay}), 2);
}

TEST(FigureNameTest, IsDescribedByWhatItHas) {
  EXPECT_EQ(Describe({"K1.1", false, kNanchang, 360103, "110", kTestDay}),
            "K1.1 city 360100 county 360103 insurance 110 period 20081031");
  EXPECT_EQ(Describe({"K2", false, 0, 0, "", 2008}), "K2 province period 2008");
  EXPECT_EQ(Describe({"K2", true, 0, 0, "", 2008}),
            "K2 province (every person once) period 2008");
}

}  // namespace
}  // namespace tongchou::audit
