// Mistakes that systems of this kind make with figures, each by name. Those
// with rows are in tests/common/records/traps_test.cc.
#include "tests/aggregator/figure_lines.h"

namespace tongchou::aggregator {
namespace {

class FigureTraps : public UnifiedStateTest {
 protected:
  void Person(uint32_t city, const std::string& who, const std::string& county,
              Texts more = {}, uint32_t day = kFirst) {
    Texts texts = {{"AAC002", who},
                   {"AAC003", "An"},
                   {"AAC004", "1"},
                   {"AAC006", "19050101"},
                   {"AAB301", county}};
    for (auto& [code, text] : more) texts[code] = text;
    Put(city, "person", std::move(texts), day);
  }
  void File(const std::string& number, const std::string& who,
            const std::string& day) {
    Put(kNanchang, "filing",
        {{"ACC030", number},
         {"AAC002", who},
         {"AAB301", "360111"},
         {"ACC031", day}});
  }
};

// A back payment counts when it arrives, whatever month it is for.
TEST_F(FigureTraps, MonthOfArrivalNotTheMonthPaidFor) {
  Pay(kAn, "360111", "1", "10.00", "20080405");  // for and booked in 200801
  EXPECT_EQ(Line("K1.6", 110, 200801), "");
  EXPECT_EQ(Line("K1.6", 110, 200804), "sum 1000, 360100 1000, 360111 1000");
  EXPECT_EQ(Line("K1.5", 110, 200804), "sum 1, 360100 1, 360111 1, once 1");
}

TEST_F(FigureTraps, PausedIsInsuredAndRegisteredOnlyIsNot) {
  Enrol(kNanchang, kAn, "360111", {{"AAC008", "2"}, {"AAC031", "2"}});
  Enrol(kNanchang, kBo, "360111", {{"AAC049", ""}});
  EXPECT_EQ(Line("K1.1", 110, kLast), "sum 1, 360100 1, 360111 1, once 1");
}

TEST_F(FigureTraps, InsurancesAreNotAddedToPersons) {
  Enrol(kNanchang, kAn, "360111", {});
  Enrol(kNanchang, kAn, "360111", {{"AAE140", "310"}});
  Enrol(kJiujiang, kAn, "360403", {});
  EXPECT_EQ(Line("K1.1", 110, kLast),
            "sum 2, 360100 1, 360111 1, 360400 1, 360403 1, once 1");
  EXPECT_EQ(Line("K1.1", 310, kLast), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(Line("K1.1", 0, kLast), "");  // no figure over all insurances
}

TEST_F(FigureTraps, NetIncreaseIsNotNewEnrolment) {
  Enrol(kNanchang, kAn, "360111", {{"AAC049", "200712"}}, 20071231);
  Enrol(kNanchang, kBo, "360111", {{"AAC049", "200801"}}, 20080110);
  province_.Delete(kNanchang, 20080111, "enrolment",
                   {{"AAC002", kAn}, {"AAE140", "110"}});
  EXPECT_EQ(Line("K1.7", 110, 2008), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(AsOf("K1.4", 20080111, 110), "");  // one came, one went: 0
}

TEST_F(FigureTraps, GrossJobsAreNotNetJobs) {
  File("N1", kAn, "20080105");
  File("N2", kBo, "20080106");
  Person(kNanchang, kBo, "360111", {{"AIC162", "20080120"}});
  EXPECT_EQ(Line("K3.gross", 0, 200801), "sum 2, 360100 2, 360111 2, once 2");
  EXPECT_EQ(Line("K3.attrition", 0, 200801),
            "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(Line("K3.net", 0, 200801), "sum 1, 360100 1, 360111 1, once 1");
}

// What was due is no money; 90.00 are due in every row that Pay makes.
TEST_F(FigureTraps, CollectedIsWhatArrived) {
  Pay(kAn, "360111", "1", "10.00", "20080105");
  Pay(kBo, "360111", "1", "5.00", "");
  EXPECT_EQ(Line("K1.6", 0, 2008), "sum 1000, 360100 1000, 360111 1000");
}

TEST_F(FigureTraps, WorkInjuryIsNoMedicalInsurance) {
  Enrol(kNanchang, kAn, "360111", {{"AAE140", "410"}});
  EXPECT_EQ(Line("K1.1", 410, kLast), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(Line("K4", 391, kLast), "");
}

TEST_F(FigureTraps, OnePersonUnderTwoPersonCodesCountsOnce) {
  Enrol(kNanchang, kAn, "360111", {{"AAC001", "P1"}});
  Enrol(kNanchang, kAn, "360111", {{"AAC001", "P2"}, {"AAE140", "310"}});
  Pay(kAn, "360111", "1", "10.00", "20080105");
  Pay(kAn, "360111", "2", "10.00", "20080106");
  EXPECT_EQ(Line("K1.1", 110, kLast), "sum 1, 360100 1, 360111 1, once 1");
  EXPECT_EQ(Line("K1.5", 110, 200801), "sum 1, 360100 1, 360111 1, once 1");
}

// A person's record that moves takes no enrolment along: that is counted where
// its own division says.
TEST_F(FigureTraps, AMovedHouseholdMovesNoEnrolment) {
  Person(kNanchang, kAn, "360111");
  Enrol(kNanchang, kAn, "360111", {});
  Person(kNanchang, kAn, "360121", {}, 20080115);
  EXPECT_EQ(Line("K1.1", 110, kLast), "sum 1, 360100 1, 360111 1, once 1");
}

}  // namespace
}  // namespace tongchou::aggregator
