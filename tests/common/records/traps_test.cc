// Mistakes that systems of this kind make with rows, each by name. Those with
// figures are in tests/aggregator/traps_test.cc.
#include "common/records/code_list.h"
#include "common/records/division.h"
#include "tests/common/records/reading.h"

namespace tongchou::records {
namespace {

class Traps : public Reading {
 protected:
  int64_t Number(const std::string& code) {
    return row_.number(row_.schema().IndexOf(code));
  }
};

const std::string kPersonHeader =
    "AAC002,AAC001,AAC003,AAC004,AAC006,AAC009,AAB301";

TEST_F(Traps, RetiredDivisionCodesAreValidForLife) {
  ASSERT_EQ(Header("enrolment", kEnrolment), std::nullopt);
  rules_.city = 360'400;
  ASSERT_EQ(Header("enrolment", kEnrolment), std::nullopt);
  EXPECT_EQ(Code(std::string(kId) + ",110,,,360427,1,,,,,,"), "");
  EXPECT_EQ(Number("AAB301"), 360'427);  // kept as written
  EXPECT_EQ(Divisions::Get().CurrentCode(360'427), 360'483u);
  // In an ID number too: 362101 became 360702 in 1999.
  EXPECT_EQ(Code("36210119020304005X,110,,,360402,1,,,,,,"), "");
  EXPECT_EQ(Code(std::string(kId) + ",110,,,362100,1,,,,,,"),
            "DIVISION AAB301");
}

TEST_F(Traps, FifteenDigitNumbersAreTheSamePerson) {
  ASSERT_EQ(Header("enrolment", kEnrolment), std::nullopt);
  ASSERT_EQ(Code("36210119020304005X,110,,,360102,1,,,,,,"), "");
  const std::string key = key_;
  EXPECT_EQ(Code("362101020304005,110,,,360102,1,,,,,,"), "");
  EXPECT_EQ(key_, key);
  EXPECT_EQ(repaired(Repair::kId15), 1);
}

TEST_F(Traps, LowerCaseAndFullWidthNumbersAreTheSamePerson) {
  ASSERT_EQ(Header("enrolment", kEnrolment), std::nullopt);
  ASSERT_EQ(Code(std::string(kId) + ",110,,,360102,1,,,,,,"), "");
  const std::string key = key_;
  EXPECT_EQ(Code("11010519491231002x,110,,,360102,1,,,,,,"), "");
  EXPECT_EQ(key_, key);
  EXPECT_EQ(Code("１１０１０５１９４９１２３１００２Ｘ,１１０,,,３６０１０２,"
                 "１,,,,,,"),
            "");
  EXPECT_EQ(key_, key);
}

TEST_F(Traps, TheMonthPaidForIsNotTheMonthBooked) {
  ASSERT_EQ(Header("contribution", kContribution), std::nullopt);
  const std::string rest = ",10,,,360102,1000,200,80,200,80,20080201";
  ASSERT_EQ(Code(std::string(kId) + ",110,200703,200802" + rest), "");
  EXPECT_EQ(Number("AAE003"), 200'703);
  EXPECT_EQ(Number("AAE002"), 200'802);
  const std::string key = key_;
  ASSERT_EQ(Code(std::string(kId) + ",110,200802,200703" + rest), "");
  EXPECT_NE(key_, key);
}

// The medical system uses 410 for long-term care since 2018; here it is work
// injury and nothing joins the two.
TEST_F(Traps, Insurance410IsWorkInjury) {
  EXPECT_EQ(CodeLists::Get().Name("AAE140", "410"), "工伤保险");
  ASSERT_EQ(Header("enrolment", kEnrolment), std::nullopt);
  EXPECT_EQ(Code(std::string(kId) + ",410,,,360102,1,,,,,,"), "");
}

// Classifications of industries are revised; no edition is refused.
TEST_F(Traps, IndustriesOfEveryEditionAreTaken) {
  ASSERT_EQ(Header("unit", "AAB001,AAB004,AAB301,AAB022"), std::nullopt);
  for (const char* industry : {"C", "C13", "0610", "I6510", ""}) {
    EXPECT_EQ(Code(std::string("u1,one,360102,") + industry), "") << industry;
  }
  EXPECT_EQ(Code("u1,one,360102,12345678901234567"), "TOO_LONG AAB022");
}

TEST_F(Traps, LengthsCountCharactersOfAnyPlane) {
  ASSERT_EQ(Header("person", kPersonHeader), std::nullopt);
  std::string name;
  for (int i = 0; i < 64; ++i) name += "𬱖";  // four bytes each
  EXPECT_EQ(Code(std::string(kId) + ",," + name + ",1,19491231,,360102"), "");
  EXPECT_EQ(Code(std::string(kId) + ",,㛃" + name + ",1,19491231,,360102"),
            "TOO_LONG AAC003");
}

TEST_F(Traps, MoneyIsFenAndRatesAreTenThousandths) {
  ASSERT_EQ(Header("contribution", std::string(kContribution) + ",AAA041"),
            std::nullopt);
  const std::string key = std::string(kId) + ",110,200801,200801,10,,,360102,";
  ASSERT_EQ(Code(key + "1000.10,200.02,80,200.02,80,20080201,0.0801"), "");
  EXPECT_EQ(Number("AAE180"), 100'010);
  EXPECT_EQ(Number("AAE020"), 20'002);
  EXPECT_EQ(Number("AAA041"), 801);
  // What does not fit is refused, never rounded.
  EXPECT_EQ(Code(key + "1000.101,200,80,200,80,20080201,0.08"),
            "FORMAT AAE180");
  EXPECT_EQ(Code(key + "1000,200,80,200,80,20080201,0.08001"), "FORMAT AAA041");
  EXPECT_EQ(Code(key + "1000,200,80,200,80,20080201,1.0001"), "FORMAT AAA041");
}

TEST_F(Traps, AMovedHouseholdKeepsItsNumber) {
  ASSERT_EQ(Header("person", kPersonHeader), std::nullopt);
  // Registered in Beijing by the number, living in Nanchang by the record.
  ASSERT_EQ(Code(std::string(kId) + ",,An,1,19491231,,360102"), "");
  const std::string key = key_;
  ASSERT_EQ(Code(std::string(kId) + ",,An,1,19491231,,360103"), "");
  EXPECT_EQ(key_, key);
}

TEST_F(Traps, LeapDays) {
  ASSERT_EQ(Header("enrolment", kEnrolment), std::nullopt);
  const auto since = [&](const std::string& day) {
    return Code(std::string(kId) + ",110,,,360102,1,,,," + day + ",,");
  };
  EXPECT_EQ(since("20080229"), "");
  EXPECT_EQ(since("20000229"), "");
  EXPECT_EQ(since("19000229"), "FORMAT AAC030");
  EXPECT_EQ(since("20070229"), "FORMAT AAC030");
  // Born on a day that was none: 1900 was no leap year.
  EXPECT_EQ(Code("110105190002290024,110,,,360102,1,,,,,,"), "ID_DATE AAC002");
  EXPECT_EQ(Code("110105190402290024,110,,,360102,1,,,,,,"), "");
}

}  // namespace
}  // namespace tongchou::records
