// Each figure by a small example: at the counties, the cities and in both of
// the province's lines.
#include "tests/aggregator/figure_lines.h"

namespace tongchou::aggregator {
namespace {

TEST_F(UnifiedStateTest, NothingYet) {
  EXPECT_TRUE(province_.Read(kLast, kLast).empty());
  province_.Apply();
  EXPECT_TRUE(province_.Read(kLast, kLast).empty());
  EXPECT_EQ(province_.position().ordinal, 0u);
}

TEST_F(UnifiedStateTest, K1InsuredPersons) {
  Enrol(kNanchang, kAn, "360111", {});
  Enrol(kNanchang, kAn, "360111", {{"AAE140", "310"}});
  Enrol(kNanchang, kBo, "360121", {{"AAC008", "2"}});
  Enrol(kNanchang, kChen, "360121", {{"AAC008", "4"}});
  Enrol(kNanchang, kChen, "360121", {{"AAE140", "310"}, {"AAC049", ""}});
  Enrol(kJiujiang, kAn, "360403", {{"AAE031", "20080105"}});
  EXPECT_EQ(Line("K1.1", 110, kLast),
            "sum 3, 360100 2, 360111 1, 360121 1, 360400 1, 360403 1, once 2");
  EXPECT_EQ(Line("K1.1", 310, kLast), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(Line("K1.1", 0, kLast), "");
}

TEST_F(UnifiedStateTest, K1WorkingAndRuralWorkers) {
  Enrol(kNanchang, kAn, "360111", {{"AAC084", "0"}, {"AAC028", "1"}});
  Enrol(kNanchang, kBo, "360111", {{"AAC084", "1"}, {"AAC028", "1"}});
  Enrol(kNanchang, kChen, "360111", {{"AAC084", "3"}, {"AAC028", "0"}});
  Enrol(kJiujiang, kAn, "360403", {{"AAC084", "2"}});
  Enrol(kJiujiang, kBo, "360403", {});
  EXPECT_EQ(Line("K1.2", 110, kLast),
            "sum 3, 360100 1, 360111 1, 360400 2, 360403 2, once 2");
  EXPECT_EQ(Line("K1.3", 110, kLast), "sum 2, 360100 2, 360111 2, once 2");
}

TEST_F(UnifiedStateTest, K1NetIncreaseOfTheYear) {
  Enrol(kNanchang, kAn, "360111", {}, 20071231);
  Enrol(kNanchang, kBo, "360111", {}, 20080101);
  Enrol(kNanchang, kChen, "360121", {}, 20080102);
  EXPECT_EQ(AsOf("K1.4", 20080101, 110), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(AsOf("K1.4", 20080102, 110),
            "sum 2, 360100 2, 360111 1, 360121 1, once 2");
  province_.Delete(kNanchang, 20080103, "enrolment",
                   {{"AAC002", kAn}, {"AAE140", "110"}});
  province_.Delete(kNanchang, 20080103, "enrolment",
                   {{"AAC002", kBo}, {"AAE140", "110"}});
  EXPECT_EQ(AsOf("K1.4", 20080103, 110), "360111 -1, 360121 1");
}

TEST_F(UnifiedStateTest, K1NetIncreaseIsNullWithoutAnOpening) {
  Enrol(kNanchang, kAn, "360111", {}, 20071231);
  Enrol(kJiujiang, kBo, "360403", {}, 20080105);
  EXPECT_EQ(AsOf("K1.4", 20071231, 110),
            "sum null, 360100 null, 360111 null, once null");
  EXPECT_EQ(AsOf("K1.4", 20080104, 110), "");
  EXPECT_EQ(AsOf("K1.4", 20080105, 110),
            "sum null, 360400 null, 360403 null, once null");
  EXPECT_EQ(AsOf("K1.4", 20090101, 110), "");
}

TEST_F(UnifiedStateTest, K1Payers) {
  Pay(kAn, "360111", "1", "10.00", "20080105");
  Pay(kAn, "360121", "2", "20.00", "20080228");
  Pay(kAn, "360111", "3", "-30.00", "20080106");
  Pay(kBo, "360111", "1", "0.00", "20080105");
  Pay(kBo, "360111", "2", "9.00", "");
  Pay(kBo, "360111", "3", "9.00", "20071231");
  Pay(kAn, "360403", "1", "1.00", "20080131");
  EXPECT_EQ(Line("K1.5", 110, 200801),
            "sum 2, 360100 1, 360111 1, 360400 1, 360403 1, once 1");
  EXPECT_EQ(Line("K1.5", 110, 200802), "sum 1, 360100 1, 360121 1, once 1");
  EXPECT_EQ(Line("K1.5", 110, 2008),
            "sum 2, 360100 1, 360111 1, 360121 1, 360400 1, 360403 1, once 1");
  EXPECT_EQ(Line("K1.5", 110, 2007), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(Line("K1.5", 0, 2008), "");
}

TEST_F(UnifiedStateTest, K1CollectedWithRefunds) {
  Pay(kAn, "360111", "1", "10.05", "20080105");
  Pay(kAn, "360111", "2", "-3.00", "20080106");
  Pay(kBo, "360121", "1", "20.00", "20080201", "310");
  Pay(kBo, "360403", "1", "-1.00", "20080131");
  EXPECT_EQ(Line("K1.6", 110, 200801),
            "sum 605, 360100 705, 360111 705, 360400 -100, 360403 -100");
  EXPECT_EQ(Line("K1.6", 0, 200802), "sum 2000, 360100 2000, 360121 2000");
  EXPECT_EQ(Line("K1.6", 0, 2008),
            "sum 2605, 360100 2705, 360111 705, 360121 2000, 360400 -100, "
            "360403 -100");
  EXPECT_EQ(Line("K1.6", 310, 2008), "sum 2000, 360100 2000, 360121 2000");
}

TEST_F(UnifiedStateTest, K1FirstEnrolled) {
  Enrol(kNanchang, kAn, "360111", {{"AAC049", "200712"}});
  Enrol(kNanchang, kBo, "360111", {{"AAC049", "200801"}});
  Enrol(kNanchang, kChen, "360111", {{"AAC008", "0"}});
  Enrol(kJiujiang, kBo, "360403", {{"AAC049", "200802"}});
  EXPECT_EQ(Line("K1.7", 110, 200712), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(Line("K1.7", 110, 200801), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(Line("K1.7", 110, 2008),
            "sum 2, 360100 1, 360111 1, 360400 1, 360403 1, once 1");
}

TEST_F(UnifiedStateTest, K2RuralWorkersWhoMoved) {
  const auto move = [&](uint32_t city, const std::string& county,
                        const std::string& day, const std::string& place) {
    Put(city, "rural_worker",
        {{"AAC002", kAn},
         {"AAE030", day},
         {"AAB301", county},
         {"BCCB22", place}});
  };
  move(kNanchang, "360111", "20080105", "3");
  move(kNanchang, "360121", "20080305", "4");
  move(kNanchang, "360111", "20070105", "1");
  move(kJiujiang, "360403", "20080406", "5");
  EXPECT_EQ(Line("K2", 0, 2008),
            "sum 2, 360100 1, 360111 1, 360121 1, 360400 1, 360403 1, once 1");
  EXPECT_EQ(Line("K2.1", 0, 2008), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(Line("K2.2", 0, 2008),
            "sum 2, 360100 1, 360121 1, 360400 1, 360403 1, once 1");
  EXPECT_EQ(Line("K2.1", 0, 2007), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(Line("K2.2", 0, 2007), "");
}

class FilingTest : public UnifiedStateTest {
 protected:
  void File(uint32_t city, const std::string& number, const std::string& who,
            const std::string& county, const std::string& day) {
    Put(city, "filing",
        {{"ACC030", number},
         {"AAC002", who},
         {"AAB301", county},
         {"ACC031", day}});
  }
  void Leave(uint32_t city, const std::string& who, const std::string& retired,
             const std::string& died) {
    Put(city, "person",
        {{"AAC002", who},
         {"AAC003", "An"},
         {"AAC004", "1"},
         {"AAC006", "19700101"},
         {"AAB301", std::to_string(city)},
         {"AIC162", retired},
         {"AAE138", died}});
  }
};

TEST_F(FilingTest, K3GrossCountsAMonthOnceAndAYearByItsMonths) {
  File(kNanchang, "N1", kAn, "360111", "20080105");
  File(kNanchang, "N2", kAn, "360121", "20080131");
  File(kNanchang, "N3", kAn, "360111", "20080201");
  File(kJiujiang, "N1", kAn, "360403", "20080110");
  EXPECT_EQ(Line("K3.gross", 0, 200801),
            "sum 2, 360100 1, 360111 1, 360121 1, 360400 1, 360403 1, once 1");
  EXPECT_EQ(Line("K3.gross", 0, 2008),
            "sum 3, 360100 2, 360111 2, 360121 1, 360400 1, 360403 1, once 2");
}

TEST_F(FilingTest, K3AttritionFollowsTheLatestFilingOfTheSameCity) {
  File(kNanchang, "N1", kAn, "360111", "20080105");
  File(kNanchang, "N2", kAn, "360121", "20080205");
  File(kNanchang, "N3", kAn, "360123", "20080205");
  File(kNanchang, "N4", kAn, "360124", "20080401");
  File(kNanchang, "N5", kBo, "360111", "20080401");
  Leave(kNanchang, kAn, "20080201", "20080229");
  Leave(kNanchang, kBo, "20080331", "");
  Leave(kJiujiang, kChen, "20080201", "");
  EXPECT_EQ(Line("K3.attrition", 0, 200802),
            "sum 1, 360100 1, 360123 1, once 1");
  EXPECT_EQ(Line("K3.attrition", 0, 200803), "");
  EXPECT_EQ(Line("K3.net", 0, 200802), "360121 1");
  EXPECT_EQ(Line("K3.net", 0, 2008),
            "sum 3, 360100 3, 360111 2, 360121 1, 360124 1, once 3");
}

TEST_F(FilingTest, K3AttritionInTwoMonthsAndTwoCities) {
  File(kNanchang, "N1", kAn, "360111", "20071201");
  File(kJiujiang, "N1", kAn, "360403", "20071201");
  Leave(kNanchang, kAn, "20080115", "20080320");
  Leave(kJiujiang, kAn, "20080116", "");
  EXPECT_EQ(Line("K3.attrition", 0, 200801),
            "sum 2, 360100 1, 360111 1, 360400 1, 360403 1, once 1");
  EXPECT_EQ(Line("K3.attrition", 0, 2008),
            "sum 3, 360100 2, 360111 2, 360400 1, 360403 1, once 2");
  EXPECT_EQ(Line("K3.net", 0, 200801),
            "sum -2, 360100 -1, 360111 -1, 360400 -1, 360403 -1, once -1");
}

TEST_F(FilingTest, AFilingThatChangesItsPerson) {
  File(kNanchang, "N1", kAn, "360111", "20080105");
  File(kNanchang, "N2", kBo, "360111", "20080105");
  Leave(kNanchang, kAn, "20080120", "");
  EXPECT_EQ(Line("K3.attrition", 0, 200801),
            "sum 1, 360100 1, 360111 1, once 1");
  Put(kNanchang, "filing",
      {{"ACC030", "N1"},
       {"AAC002", kBo},
       {"AAB301", "360111"},
       {"ACC031", "20080105"}},
      20080120);
  EXPECT_EQ(Line("K3.attrition", 0, 200801), "");
  EXPECT_EQ(Line("K3.gross", 0, 200801), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(Line("K3.gross", 0, 200801, {20080119, kLast}),
            "sum 2, 360100 2, 360111 2, once 2");
  EXPECT_EQ(Line("K3.attrition", 0, 200801, {20080119, kLast}),
            "sum 1, 360100 1, 360111 1, once 1");
}

TEST_F(UnifiedStateTest, K3FoundWorkAfterUnemployment) {
  const auto end = [&](uint32_t city, const std::string& number,
                       const std::string& county, const std::string& day,
                       const std::string& reason) {
    Put(city, "unemployment",
        {{"ACC020", number},
         {"AAC002", kAn},
         {"AAB301", county},
         {"AJC094", "20071201"},
         {"AAE031", day},
         {"AAE160", reason}});
  };
  end(kNanchang, "N1", "360111", "20080105", "1");
  end(kNanchang, "N2", "360111", "20080131", "1");
  end(kNanchang, "N3", "360121", "20080205", "1");
  end(kNanchang, "N4", "360121", "20080105", "6301");
  end(kNanchang, "N5", "360121", "", "1");
  end(kJiujiang, "N1", "360403", "20080105", "1");
  EXPECT_EQ(Line("K3.1", 0, 200801),
            "sum 2, 360100 1, 360111 1, 360400 1, 360403 1, once 1");
  EXPECT_EQ(Line("K3.1", 0, 2008),
            "sum 3, 360100 2, 360111 1, 360121 1, 360400 1, 360403 1, once 2");
}

TEST_F(UnifiedStateTest, K3FoundWorkInHardship) {
  const auto end = [&](uint32_t city, const std::string& kind,
                       const std::string& county, const std::string& reason) {
    Put(city, "hardship",
        {{"AAC002", kAn},
         {"ADC310", kind},
         {"AAB301", county},
         {"AAE031", "20080105"},
         {"AAE160", reason}});
  };
  end(kNanchang, "01", "360111", "1");
  end(kNanchang, "02", "360121", "1");
  end(kNanchang, "03", "360123", "");
  end(kJiujiang, "01", "360403", "1");
  for (const uint32_t period : {200801u, 2008u}) {
    EXPECT_EQ(
        Line("K3.2", 0, period),
        "sum 2, 360100 1, 360111 1, 360121 1, 360400 1, 360403 1, once 1");
  }
  EXPECT_EQ(Line("K3.1", 0, 200801), "");
}

TEST_F(UnifiedStateTest, K4ResidentsMedical) {
  Enrol(kNanchang, kAn, "360111", {{"AAE140", "391"}});
  Enrol(kNanchang, kBo, "360111", {{"AAE140", "390"}});
  Enrol(kJiujiang, kAn, "360403", {{"AAE140", "391"}});
  Enrol(kJiujiang, kChen, "360403", {{"AAE140", "391"}, {"AAC049", ""}});
  EXPECT_EQ(AsOf("K4", kLast),
            "sum 2, 360100 1, 360111 1, 360400 1, 360403 1, once 1");
  EXPECT_EQ(AsOf("K4.390", kLast), "sum 1, 360100 1, 360111 1, once 1");
}

class DifficultyTest : public UnifiedStateTest {
 protected:
  void Unit(uint32_t city, const std::string& code, const std::string& county,
            const std::string& heads, const std::string& from,
            const std::string& to, const std::string& special = "1") {
    Put(city, "unit",
        {{"AAB001", code},
         {"AAB004", "A unit"},
         {"AAB301", county},
         {"AAB083", heads},
         {"AAB065", special},
         {"AAE030", from},
         {"AAE031", to}});
  }
};

TEST_F(DifficultyTest, K5PersonsOfUnitsInDifficulty) {
  Unit(kNanchang, "U1", "360121", "10", "20080105", "20080120");
  Unit(kNanchang, "U2", "360111", "7", "", "", "");
  Unit(kJiujiang, "U1", "360403", "1", "20080115", "");
  Enrol(kNanchang, kAn, "360111", {{"AAB001", "U1"}, {"AAC049", ""}});
  Enrol(kNanchang, kAn, "360111", {{"AAB001", "U1"}, {"AAE140", "310"}});
  Enrol(kNanchang, kBo, "360111", {{"AAB001", "U1"}, {"AAC084", "1"}});
  Enrol(kNanchang, kChen, "360111", {{"AAB001", "U2"}});
  Enrol(kJiujiang, kAn, "360402", {{"AAB001", "U1"}});
  Enrol(kJiujiang, kBo, "360402", {{"AAB001", "U1"}});
  EXPECT_EQ(On("K5", 20080104), "");
  EXPECT_EQ(On("K5", 20080105), "sum 2, 360100 2, 360121 2, once 2");
  EXPECT_EQ(On("K5", 20080120),
            "sum 4, 360100 2, 360121 2, 360400 2, 360403 2, once 2");
  EXPECT_EQ(On("K5.1", 20080120),
            "sum 3, 360100 1, 360121 1, 360400 2, 360403 2, once 2");
  EXPECT_EQ(On("K5", 20080121), "sum 2, 360400 2, 360403 2, once 2");
  EXPECT_EQ(On("K5.heads", 20080120),
            "sum 11, 360100 10, 360121 10, 360400 1, 360403 1");
  EXPECT_EQ(On("K5.uninsured", 20080120),
            "sum 8, 360100 9, 360121 9, 360400 -1, 360403 -1");
}

TEST_F(DifficultyTest, K5OfAPersonInTwoUnits) {
  Unit(kNanchang, "U1", "360121", "", "", "20080110");
  Unit(kNanchang, "U2", "360111", "", "20080108", "20080120");
  Enrol(kNanchang, kAn, "360111", {{"AAB001", "U1"}});
  Enrol(kNanchang, kAn, "360111", {{"AAB001", "U2"}, {"AAE140", "310"}});
  EXPECT_EQ(On("K5", 20080107), "sum 1, 360100 1, 360121 1, once 1");
  EXPECT_EQ(On("K5", 20080109), "sum 1, 360100 1, 360111 1, 360121 1, once 1");
  EXPECT_EQ(On("K5", 20080111), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(On("K5", 20080121), "");
}

TEST_F(DifficultyTest, K5FollowsAUnitThatComesLaterAndGoes) {
  Enrol(kNanchang, kAn, "360111", {{"AAB001", "U1"}});
  EXPECT_EQ(AsOf("K5", kLast), "");
  province_.Put(kNanchang, 20080115, "unit",
                {{"AAB001", "U1"},
                 {"AAB004", "A unit"},
                 {"AAB065", "1"},
                 {"AAB301", "360121"},
                 {"AAB083", "3"}});
  EXPECT_EQ(AsOf("K5", kLast), "sum 1, 360100 1, 360121 1, once 1");
  province_.Delete(kNanchang, 20080120, "unit", {{"AAB001", "U1"}});
  EXPECT_EQ(AsOf("K5", kLast), "");
  EXPECT_EQ(AsOf("K5.heads", kLast), "");
  EXPECT_EQ(AsOf("K5", 20080119), "sum 1, 360100 1, 360121 1, once 1");
  EXPECT_EQ(AsOf("K5.heads", 20080119), "sum 3, 360100 3, 360121 3");
}

class LoanTest : public UnifiedStateTest {
 protected:
  void Lend(uint32_t city, const std::string& number, const std::string& county,
            const std::string& amount, const std::string& day) {
    Put(city, "loan",
        {{"ACC140", number},
         {"AAC002", kAn},
         {"AAB301", county},
         {"ACC141", amount},
         {"BCC13X", day},
         {"BCC3Y6", "2"}});
  }
  void Repay(uint32_t city, const std::string& number, const std::string& day,
             const std::string& amount) {
    Put(city, "repayment",
        {{"ACC140", number}, {"BCC142", day}, {"BCC144", amount}});
  }
};

TEST_F(LoanTest, K6LoansAndBorrowers) {
  Lend(kNanchang, "L1", "360111", "100.00", "20080105");
  Lend(kNanchang, "L2", "360121", "50.50", "20080120");
  Lend(kNanchang, "L3", "360121", "20.00", "20080201");
  Lend(kJiujiang, "L1", "360403", "1.00", "20080105");
  EXPECT_EQ(Line("K6.count", 0, 200801),
            "sum 3, 360100 2, 360111 1, 360121 1, 360400 1, 360403 1");
  EXPECT_EQ(Line("K6.count", 0, 2008),
            "sum 4, 360100 3, 360111 1, 360121 2, 360400 1, 360403 1");
  EXPECT_EQ(Line("K6.amount", 0, 200801),
            "sum 15150, 360100 15050, 360111 10000, 360121 5050, 360400 100, "
            "360403 100");
  EXPECT_EQ(Line("K6.jobs", 0, 2008),
            "sum 8, 360100 6, 360111 2, 360121 4, 360400 2, 360403 2");
  for (const uint32_t period : {200801u, 2008u}) {
    EXPECT_EQ(
        Line("K6.persons", 0, period),
        "sum 2, 360100 1, 360111 1, 360121 1, 360400 1, 360403 1, once 1");
  }
}

TEST_F(LoanTest, K6BalanceOfLoansThatExist) {
  Repay(kNanchang, "L1", "20080108", "30.00");
  EXPECT_EQ(AsOf("K6.balance", kLast), "");
  Lend(kNanchang, "L1", "360111", "100.00", "20080105");
  Repay(kNanchang, "L1", "20080109", "20.00");
  Lend(kJiujiang, "L1", "360403", "1.00", "20080105");
  EXPECT_EQ(AsOf("K6.balance", kLast),
            "sum 5100, 360100 5000, 360111 5000, 360400 100, 360403 100");
  province_.Delete(kNanchang, 20080120, "loan", {{"ACC140", "L1"}});
  EXPECT_EQ(AsOf("K6.balance", kLast), "sum 100, 360400 100, 360403 100");
  EXPECT_EQ(AsOf("K6.balance", 20080119),
            "sum 5100, 360100 5000, 360111 5000, 360400 100, 360403 100");
}

class FamilyTest : public UnifiedStateTest {
 protected:
  void Family(uint32_t city, const std::string& number,
              const std::string& county, const std::string& review,
              const std::string& end) {
    Put(city, "family",
        {{"BCCS01", number},
         {"AAB301", county},
         {"BCCS10", "20071201"},
         {"BCCS06", review},
         {"AAE031", end}});
  }
  void Member(uint32_t city, const std::string& number, const std::string& who,
              const std::string& placed = "", uint32_t day = kFirst) {
    Put(city, "family_member",
        {{"BCCS01", number}, {"AAC002", who}, {"BCCS23", placed}}, day);
  }
};

TEST_F(FamilyTest, K7FamiliesAndMembersOnADay) {
  Family(kNanchang, "F1", "360111", "1", "20080120");
  Member(kNanchang, "F1", kAn);
  Member(kNanchang, "F1", kBo);
  Family(kNanchang, "F2", "360121", "1", "");
  Member(kNanchang, "F2", kAn);
  Family(kNanchang, "F3", "360121", "0", "");
  Member(kNanchang, "F3", kChen);
  Family(kJiujiang, "F1", "360403", "1", "");
  Member(kJiujiang, "F1", kAn);
  EXPECT_EQ(On("K7.families", 20080119),
            "sum 3, 360100 2, 360111 1, 360121 1, 360400 1, 360403 1");
  EXPECT_EQ(On("K7.members", 20080119),
            "sum 3, 360100 2, 360111 2, 360121 1, 360400 1, 360403 1, once 2");
  EXPECT_EQ(On("K7.families", 20080120),
            "sum 2, 360100 1, 360121 1, 360400 1, 360403 1");
  EXPECT_EQ(On("K7.members", 20080120),
            "sum 2, 360100 1, 360121 1, 360400 1, 360403 1, once 1");
  EXPECT_EQ(Line("K7.agreed", 0, 2007),
            "sum 3, 360100 2, 360111 1, 360121 1, 360400 1, 360403 1");
  EXPECT_EQ(Line("K7.placed", 0, 2007), "");
}

TEST_F(FamilyTest, K7APlacedMemberEndsTheFamily) {
  Family(kNanchang, "F1", "360111", "1", "");
  Member(kNanchang, "F1", kAn);
  Member(kNanchang, "F1", kBo);
  EXPECT_EQ(AsOf("K7.members", kLast), "sum 2, 360100 2, 360111 2, once 2");
  Member(kNanchang, "F1", kAn, "4", 20080120);
  EXPECT_EQ(AsOf("K7.families", kLast), "");
  EXPECT_EQ(AsOf("K7.members", kLast), "");
  EXPECT_EQ(Line("K7.placed", 0, 2007), "sum 1, 360100 1, 360111 1");
  EXPECT_EQ(Line("K7.placed", 0, 2007, {20080119, kLast}), "");
  EXPECT_EQ(AsOf("K7.families", 20080119), "sum 1, 360100 1, 360111 1");
  province_.Delete(kNanchang, 20080125, "family_member",
                   {{"BCCS01", "F1"}, {"AAC002", kAn}});
  EXPECT_EQ(AsOf("K7.families", kLast), "sum 1, 360100 1, 360111 1");
  EXPECT_EQ(AsOf("K7.members", kLast), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(Line("K7.placed", 0, 2007), "");
}

TEST_F(FamilyTest, EveryStockBeforeTheFirstCommitIsNull) {
  Enrol(kNanchang, kAn, "360111", {{"AAE140", "391"}});
  Enrol(kJiujiang, kAn, "360403", {{"AAE140", "391"}}, 20080120);
  const uint32_t day = 20080119;
  EXPECT_EQ(AsOf("K4", day), "sum 1, 360100 1, 360111 1, 360400 null, once 1");
  for (const char* const id : {"K4.390", "K6.balance", "K5", "K5.1", "K5.heads",
                               "K5.uninsured", "K7.families", "K7.members"}) {
    EXPECT_EQ(AsOf(id, day), "360400 null") << id;
    EXPECT_EQ(AsOf(id, 20080120), "") << id;
    EXPECT_EQ(AsOf(id, 20080109), "360100 null, 360400 null") << id;
  }
  EXPECT_EQ(Line("K7.agreed", 0, 2007, {20080109, 20080109}), "");
}

TEST_F(UnifiedStateTest, ARetiredCountyCountsUnderItsSuccessor) {
  Enrol(kNanchang, kAn, "360122", {});
  Enrol(kNanchang, kAn, "360112", {{"AAE140", "310"}});
  Enrol(kNanchang, kBo, "360112", {});
  Enrol(kNanchang, kChen, "360105", {});
  Enrol(kJiujiang, kAn, "360421", {});
  EXPECT_EQ(Line("K1.1", 110, kLast),
            "sum 4, 360100 3, 360112 3, 360400 1, 360404 1, once 3");
  Pay(kAn, "360122", "1", "1.00", "20080105");
  Pay(kAn, "360112", "2", "1.00", "20080105");
  EXPECT_EQ(Line("K1.5", 110, 200801), "sum 1, 360100 1, 360112 1, once 1");
  EXPECT_EQ(Line("K1.6", 0, 2008), "sum 200, 360100 200, 360112 200");
}

TEST_F(UnifiedStateTest, ADayEndsAtMidnightInChina) {
  const int64_t midnight = base::ChinaDayStart(20080120);
  const auto add = [&](const std::string& who, int64_t time) {
    province_.Add({kNanchang,
                   time,
                   "enrolment",
                   {{"AAC002", who},
                    {"AAE140", "110"},
                    {"AAB301", "360111"},
                    {"AAC008", "1"},
                    {"AAC049", "200801"}}});
  };
  add(kAn, midnight - 1);
  add(kBo, midnight);
  EXPECT_EQ(AsOf("K1.1", 20080118, 110), "");
  EXPECT_EQ(AsOf("K1.1", 20080119, 110), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(AsOf("K1.1", 20080120, 110), "sum 2, 360100 2, 360111 2, once 2");
  const auto days = CommitDays(*province_.Snapshot(), 20080119);
  ASSERT_TRUE(days.ok()) << days.status();
  EXPECT_EQ(*days, std::vector<uint32_t>{20080119});
}

TEST_F(UnifiedStateTest, AChangeMovesAPersonToAnotherCounty) {
  Enrol(kNanchang, kAn, "360111", {});
  Enrol(kNanchang, kAn, "360121", {}, 20080115);
  province_.Delete(kNanchang, 20080120, "enrolment",
                   {{"AAC002", kAn}, {"AAE140", "110"}});
  Enrol(kNanchang, kAn, "360123", {}, 20080125);
  EXPECT_EQ(AsOf("K1.1", 20080114, 110), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(AsOf("K1.1", 20080119, 110), "sum 1, 360100 1, 360121 1, once 1");
  EXPECT_EQ(AsOf("K1.1", 20080124, 110), "");
  EXPECT_EQ(AsOf("K1.1", 20080125, 110), "sum 1, 360100 1, 360123 1, once 1");
}

// The second line as of past days is put right when a city arrives late.
TEST_F(UnifiedStateTest, ALateCityCorrectsTheLineOfPersons) {
  const Texts key = {{"AAC002", kAn}, {"AAE140", "110"}};
  Enrol(kNanchang, kAn, "360111", {}, 20080110);
  province_.Delete(kNanchang, 20080120, "enrolment", key);
  EXPECT_EQ(AsOf("K1.1", 20080109, 110), "");
  EXPECT_EQ(AsOf("K1.1", 20080125, 110), "");
  Enrol(kJiujiang, kAn, "360403", {}, 20080105);
  province_.Delete(kJiujiang, 20080115, "enrolment", key);
  Enrol(kJiujiang, kAn, "360403", {}, 20080122);
  EXPECT_EQ(AsOf("K1.1", 20080104, 110), "");
  EXPECT_EQ(AsOf("K1.1", 20080109, 110), "sum 1, 360400 1, 360403 1, once 1");
  EXPECT_EQ(AsOf("K1.1", 20080114, 110),
            "sum 2, 360100 1, 360111 1, 360400 1, 360403 1, once 1");
  EXPECT_EQ(AsOf("K1.1", 20080119, 110), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(AsOf("K1.1", 20080121, 110), "");
  EXPECT_EQ(AsOf("K1.1", 20080122, 110), "sum 1, 360400 1, 360403 1, once 1");
}

TEST_F(UnifiedStateTest, PositionsSayWhatIsReflected) {
  Enrol(kNanchang, kAn, "360111", {});
  Enrol(kNanchang, kAn, "360121", {}, 20080115);
  Enrol(kNanchang, kBo, "360121", {}, 20080115);
  province_.Send();
  Enrol(kJiujiang, kAn, "360403", {}, 20080105);
  province_.SendAndApply();
  const Position position = province_.position();
  EXPECT_EQ(position.ordinal, 2u);
  EXPECT_EQ(position.cities.at(kNanchang).size, 3u);
  EXPECT_EQ(position.cities.at(kNanchang).records, 2u);
  EXPECT_EQ(position.cities.at(kNanchang).first_commit_day, kFirst);
  EXPECT_EQ(position.cities.at(kJiujiang).first_commit_day, 20080105u);
  EXPECT_EQ(position.cities.at(kJiujiang).uninterpreted, 0u);
}

TEST_F(UnifiedStateTest, WhatANewerNodeWritesIsKeptAndGivesNothing) {
  Enrol(kNanchang, kAn, "360111", {});
  v1::EntryHeader header;
  header.set_type(static_cast<v1::RecordType>(19));
  header.set_operation(v1::OPERATION_UPSERT);
  v1::EntryBody body;
  body.set_key(std::string("\x02\x13new\0", 6));
  body.set_record("?");
  const int64_t time = base::ChinaDayStart(20080120);
  province_.city(kNanchang).AddEntry(time, &header, body);
  Enrol(kNanchang, kBo, "360111", {}, 20080121);
  EXPECT_EQ(AsOf("K1.1", kLast, 110), "sum 2, 360100 2, 360111 2, once 2");
  EXPECT_EQ(province_.position().cities.at(kNanchang).uninterpreted, 1u);
  EXPECT_EQ(province_.position().cities.at(kNanchang).size, 3u);
}

// What it does to the record is not known, so the record counts no more.
TEST_F(UnifiedStateTest, AnOperationOfANewerNodeIsNotInterpreted) {
  Enrol(kNanchang, kAn, "360111", {});
  Enrol(kNanchang, kBo, "360111", {});
  records::Row row(records::Schema::Get().At(v1::RECORD_TYPE_ENROLMENT));
  row.SetText(row.schema().IndexOf("AAC002"), kAn);
  row.SetText(row.schema().IndexOf("AAE140"), "110");
  v1::EntryHeader header;
  header.set_type(v1::RECORD_TYPE_ENROLMENT);
  header.set_operation(static_cast<v1::Operation>(v1::Operation_ARRAYSIZE + 1));
  v1::EntryBody body;
  body.set_key(records::KeyOf(row));
  body.set_record("?");
  province_.city(kNanchang).AddEntry(base::ChinaDayStart(20080120), &header,
                                     body);
  EXPECT_EQ(AsOf("K1.1", kLast, 110), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(province_.position().cities.at(kNanchang).uninterpreted, 1u);
}

}  // namespace
}  // namespace tongchou::aggregator
