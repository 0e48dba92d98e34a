#include <gtest/gtest.h>

#include "common/records/record_codec.h"
#include "tests/common/records/reading.h"

namespace tongchou::records {
namespace {

struct Parsed {
  uint64_t line;
  std::vector<std::string> fields;
  bool malformed;
};

std::vector<Parsed> Read(const std::string& text, size_t chunk) {
  std::vector<Parsed> rows;
  CsvReader reader([&](const CsvRecord& record) {
    rows.push_back({record.line,
                    {record.fields.begin(), record.fields.end()},
                    record.malformed});
  });
  for (size_t i = 0; i < text.size(); i += chunk) {
    reader.Feed(std::string_view(text).substr(i, chunk));
  }
  reader.Finish();
  return rows;
}

TEST(CsvReader, QuotesNewlinesAndEmptyLinesInAnyChunks) {
  const std::string text = "a,b\r\n\n\"x\"\"y\",\"two\nlines\"\r\n,\n\"\",last";
  for (size_t chunk = 1; chunk < text.size() + 2; ++chunk) {
    const auto rows = Read(text, chunk);
    ASSERT_EQ(rows.size(), 4u) << chunk;
    EXPECT_EQ(rows[1].line, 3u);
    EXPECT_EQ(rows[1].fields, (std::vector<std::string>{"x\"y", "two\nlines"}));
    EXPECT_EQ(rows[2].line, 5u);
    EXPECT_EQ(rows[2].fields, (std::vector<std::string>{"", ""}));
    EXPECT_EQ(rows[3].fields, (std::vector<std::string>{"", "last"}));
    for (const Parsed& row : rows) EXPECT_FALSE(row.malformed);
  }
}

TEST(CsvReader, StrayQuotesSpoilOneRecord) {
  const auto rows = Read("a\"b,c\n\"a\"b,c\nd,e\n", 100);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_TRUE(rows[0].malformed);
  EXPECT_TRUE(rows[1].malformed);
  EXPECT_FALSE(rows[2].malformed);
}

TEST(CsvReader, AnUnclosedQuoteSpoilsOneLine) {
  for (const size_t chunk : {1u, 7u, 100u}) {
    const auto rows = Read("a,b\n\"open,c\nd,e\nf,g\n", chunk);
    ASSERT_EQ(rows.size(), 4u);
    EXPECT_TRUE(rows[1].malformed);
    EXPECT_EQ(rows[2].line, 3u);
    EXPECT_FALSE(rows[2].malformed);
  }
}

TEST(CsvReader, LongestRecord) {
  const std::string longest(kCsvRecordBytesMax, 'x');
  EXPECT_FALSE(Read(longest + "\n", 1 << 16)[0].malformed);
  const auto rows = Read("\"" + longest + "\"\nnext\n", 1 << 16);
  EXPECT_TRUE(rows[0].malformed);
  EXPECT_EQ(rows[1].fields[0], "next");
}

TEST_F(Reading, HeadersAreRefusedByName) {
  EXPECT_EQ(Header("enrolment", kEnrolment), std::nullopt);
  EXPECT_EQ(Header("enrolment", "AAC002,AAE140,AAB301")->code,
            "MISSING_COLUMN");
  EXPECT_EQ(Header("enrolment", std::string(kEnrolment) + ",X")->code,
            "UNKNOWN_COLUMN");
  EXPECT_EQ(Header("enrolment", std::string(kEnrolment) + ",X", true),
            std::nullopt);
  EXPECT_EQ(reader_->ignored_columns(), std::vector<std::string>{"X"});
  EXPECT_EQ(Header("enrolment", std::string(kEnrolment) + ",AAC002")->code,
            "DOUBLE_COLUMN");
}

TEST_F(Reading, RejectCodesInTheirOrder) {
  ASSERT_EQ(Header("enrolment", kEnrolment), std::nullopt);
  const std::string id = kId;
  EXPECT_EQ(Code(id + ",110,,,360102,1,1,0,0,20080101,200801,"), "");
  EXPECT_EQ(Code(id + ",110,,,360102,1,1,0,0,20080101,200801"), "COLUMNS");
  EXPECT_EQ(Code(id + ",110,\xff,,360102,1,1,0,0,20080101,200801,"),
            "ENCODING AAC001");
  EXPECT_EQ(Code(",110,,,360102,1,1,0,0,20230229,200801,"), "MISSING AAC002");
  EXPECT_EQ(Code(id + ",110,123456789012345678901,,360102,9,1,0,0,,,"),
            "TOO_LONG AAC001");
  EXPECT_EQ(Code(id + ",999,,,360102,1,1,0,0,20230229,200801,"),
            "FORMAT AAC030");
  EXPECT_EQ(Code(id + ",110,,,360102,3,1,0,0,20080101,202313,"),
            "FORMAT AAC049");
  EXPECT_EQ(Code(id + ",999,,,360102,3,1,0,0,20080101,200801,"), "CODE AAE140");
  EXPECT_EQ(Code("110105194912310021,110,,,360202,1,,,,,,"), "ID_CHECK AAC002");
  EXPECT_EQ(Code(id + ",110,,,360202,1,,,,,,"), "DIVISION AAB301");
  EXPECT_EQ(Code(id + ",110,,,360102,1,,,,20080102,,20080101"), "ORDER AAE031");
  EXPECT_TRUE(reader_->parser().key_known());
  EXPECT_EQ(Code("11010519491231002,110,,,360102,1,,,,,,"), "ID_LEN AAC002");
  EXPECT_FALSE(reader_->parser().key_known());
}

TEST_F(Reading, RepairsMakeOneKeyOfManySpellings) {
  ASSERT_EQ(Header("enrolment", kEnrolment), std::nullopt);
  const std::string rest = ",110,,,360102,1,,,,,,";
  ASSERT_EQ(Code(kId + rest), "");
  const std::string key = key_;
  EXPECT_EQ(Code("\u3000 11010519491231002x" + rest), "");
  EXPECT_EQ(key_, key);
  EXPECT_EQ(repaired(Repair::kTrim), 1);
  EXPECT_EQ(repaired(Repair::kLowerX), 1);
  EXPECT_EQ(Code("１１010519491231002Ｘ" + rest), "");
  EXPECT_EQ(key_, key);
  EXPECT_EQ(repaired(Repair::kFullwidth), 1);
  ASSERT_EQ(Code("36210119020304005X" + rest), "");
  const std::string converted = key_;
  EXPECT_EQ(Code("362101020304005" + rest), "");
  EXPECT_EQ(key_, converted);
  EXPECT_EQ(repaired(Repair::kId15), 1);
}

TEST_F(Reading, NamesKeepTheirFullWidthLettersAndCountCharacters) {
  ASSERT_EQ(Header("person", "AAC002,AAC003,AAC004,AAC006,AAB301"),
            std::nullopt);
  const std::string id = kId;
  EXPECT_EQ(Code(id + ",Ａx,1,19491231,360102"), "");
  EXPECT_EQ(row_.text(row_.schema().IndexOf("AAC003")).size(), 4u);
  std::string name;
  for (int i = 0; i < 64; ++i) name += "𠅤";
  EXPECT_EQ(Code(id + "," + name + ",1,19491231,360102"), "");
  EXPECT_EQ(Code(id + "," + name + "x,1,19491231,360102"), "TOO_LONG AAC003");
}

TEST_F(Reading, AmountsAreFenAndKeptWithinTheDue) {
  ASSERT_EQ(Header("contribution", kContribution), std::nullopt);
  const std::string key = std::string(kId) + ",110,200801,200802,10,,,360102,";
  EXPECT_EQ(Code(key + "1000,200,80,200,80.5,20080201"), "AMOUNT AAE082");
  EXPECT_EQ(Code(key + "1000.5,200,80,200.00,80,20080201"), "");
  EXPECT_EQ(row_.number(row_.schema().IndexOf("AAE180")), 100'050);
  EXPECT_EQ(Code(key + ",200,80,200,80,20080201"), "AMOUNT AAE180");
  EXPECT_EQ(Code(key + ",-200,-80,-200,-80,20080201"), "");  // a refund
  EXPECT_EQ(Code(key + "1000,200.001,80,200,80,20080201"), "FORMAT AAE020");
  EXPECT_EQ(Code(key + "1000,+200,80,200,80,20080201"), "FORMAT AAE020");
  EXPECT_EQ(Code(key + "1000,1e2,80,200,80,20080201"), "FORMAT AAE020");
  EXPECT_EQ(Code(key + "99999999999999.99,200,80,200,80,20080201"), "");
  EXPECT_EQ(Code(key + "100000000000000,200,80,200,80,20080201"),
            "FORMAT AAE180");
  // The month it is for and the month it is booked are two things.
  EXPECT_EQ(row_.schema().Find("AAE003")->key, true);
  EXPECT_EQ(row_.schema().Find("AAE002")->key, true);
}

TEST_F(Reading, ProfilesMapHeadersValuesAndConstants) {
  const auto profile = ParseProfile(R"(
    encoding = "gb18030"
    [enrolment]
    files = ["参保*.csv"]
    columns = { "身份证号" = "AAC002", "险种" = "AAE140", "状态" = "AAC008" }
    constants = { AAB301 = "360102" }
    values.AAE140 = { "01" = "110" }
  )");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(TypeOfFile("参保2008.csv", *profile), "enrolment");
  EXPECT_EQ(TypeOfFile("unit-1.csv", *profile), "unit");
  EXPECT_EQ(TypeOfFile("readme.txt", *profile), "");
  profile_ = profile->Of("enrolment");
  ASSERT_EQ(Header("enrolment", "身份证号,险种,状态"), std::nullopt);
  EXPECT_EQ(Code(std::string(kId) + ",01,1"), "");
  EXPECT_NE(key_.find("110"), key_.npos);
  EXPECT_EQ(row_.number(row_.schema().IndexOf("AAB301")), 360'102);
  EXPECT_TRUE(absl::IsInvalidArgument(
      ParseProfile("[enrolment]\ncolumns = { a = \"NO\" }").status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(ParseProfile("encoding = '\xff'").status()));
}

}  // namespace
}  // namespace tongchou::records
