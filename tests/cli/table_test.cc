#include "cli/table.h"

#include <gtest/gtest.h>

#include "cli/text.h"

namespace tongchou::cli {
namespace {

TEST(Table, AlignsByDisplayWidth) {
  Table table({{"城市"}, {"n", Table::Align::kRight}, {"state"}});
  table.Add({"南昌市", "1", "live"}).Add({"x", "1,234", ""});
  EXPECT_EQ(table.Text(),
            "城市        n  state\n"
            "南昌市      1  live\n"
            "x       1,234\n");
}

TEST(Csv, QuotesWhatMustBeQuoted) {
  EXPECT_EQ(CsvField("plain 南昌"), "plain 南昌");
  EXPECT_EQ(CsvField(""), "");
  EXPECT_EQ(CsvField("a,b"), "\"a,b\"");
  EXPECT_EQ(CsvField("say \"x\""), "\"say \"\"x\"\"\"");
  EXPECT_EQ(CsvField("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(CsvField("two\rlines"), "\"two\rlines\"");
  EXPECT_EQ(CsvField(" blank"), "\" blank\"");
  std::string line;
  AppendCsvLine({"1", "", "a,b"}, "\r\n", &line);
  EXPECT_EQ(line, "1,,\"a,b\"\r\n");
}

TEST(Csv, TableWithAndWithoutHeader) {
  Table table({{"a"}, {"b,c"}});
  table.Add({"1", "2"});
  EXPECT_EQ(table.Csv(), "a,\"b,c\"\n1,2\n");
  EXPECT_EQ(table.Csv(false), "1,2\n");
}

TEST(Text, Numbers) {
  EXPECT_EQ(WithCommas(0), "0");
  EXPECT_EQ(WithCommas(-1'234'567), "-1,234,567");
  EXPECT_EQ(WithCommas(INT64_MIN), "-9,223,372,036,854,775,808");
  EXPECT_EQ(FormatYuan(123'450), "1,234.50");
  EXPECT_EQ(FormatYuan(-5), "-0.05");
  EXPECT_EQ(FormatChange(103, 100), "+3.0%");
  EXPECT_EQ(FormatChange(97, 100), "-3.0%");
  EXPECT_EQ(FormatChange(1, 0), kUnknown);
  EXPECT_EQ(FormatChange(1, std::nullopt), kUnknown);
}

TEST(Text, NamesAndTimes) {
  EXPECT_EQ(EnumName("CITY_STATE_NEVER_SEEN", "CITY_STATE_"), "never_seen");
  EXPECT_EQ(ShortTime(0), kUnknown);
  EXPECT_EQ(ShortTime(1'225'414'800'000'000), "2008-10-31 09:00:00");
}

TEST(Text, WrapsByDisplayWidth) {
  EXPECT_EQ(Wrap({"南昌", "萍乡", "九江"}, 9), "南昌 萍乡\n  九江\n");
}

}  // namespace
}  // namespace tongchou::cli
