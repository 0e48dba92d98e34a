// A record that comes typed meets the rules that its texts would meet.
#include <gtest/gtest.h>

#include <random>

#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "common/records/row_parser.h"

namespace tongchou::records {
namespace {

using Random = std::mt19937_64;

std::string AnyText(Random* random) {
  static const char* const kTexts[] = {"11010519491231002X",
                                       "11010519491231002x",
                                       "110105194912310021",
                                       "362101020304005",
                                       "AB12",
                                       "110",
                                       "391",
                                       "1",
                                       "2",
                                       "9",
                                       "u1",
                                       " 张三 ",
                                       "１１０",
                                       "91350100M000100Y43",
                                       "x"};
  if ((*random)() % 20 == 0) return std::string((*random)() % 80, 'Z');
  return kTexts[(*random)() % std::size(kTexts)];
}

int64_t AnyNumber(FieldFormat format, Random* random) {
  static const int64_t kNumbers[] = {
      0,       1,       12,         999,          10'000,
      10'001,  200'801, 202'313,    20'080'101,   20'230'229,
      360'102, 360'202, 99'999'999, 4'294'967'295};
  // Dates, months and divisions have no negative notation.
  const bool money = format == FieldFormat::FIELD_FORMAT_MONEY;
  const int64_t number = kNumbers[(*random)() % std::size(kNumbers)];
  return money && (*random)() % 4 == 0 ? -number : number;
}

void FillRow(Random* random, Row* row) {
  for (const FieldSchema& field : row->schema().fields) {
    if ((*random)() % 3 == 0) continue;
    if (field.kind == ValueKind::kText) {
      row->StoreText(field.index, AnyText(random));
    } else {
      row->SetNumber(field.index, AnyNumber(field.format, random));
    }
  }
}

TEST(TypedRows, MeetTheRulesOfTheirTexts) {
  Random random(1);
  int accepted = 0;
  for (int i = 0; i < 60'000; ++i) {
    const auto& types = Schema::Get().types();
    const RecordSchema& schema = types[random() % types.size()];
    if (schema.internal) continue;
    Row typed(schema);
    FillRow(&random, &typed);
    std::vector<std::string> texts;
    for (const FieldSchema& field : schema.fields) {
      texts.push_back(FormatValue(typed, field.index));
    }
    const RowRules rules{360'100, 20'081'031, true};
    RowParser by_text(schema, rules);
    RowParser by_value(schema, rules);
    Row from_text;
    Row from_value;
    const RowIssue expected =
        by_text.Parse({texts.begin(), texts.end()},
                      std::vector<bool>(texts.size()), &from_text);
    const RowIssue found = by_value.ParseTyped(typed, &from_value);
    ASSERT_EQ(found.code, expected.code) << schema.name << " " << i;
    ASSERT_EQ(found.field, expected.field) << schema.name << " " << i;
    ASSERT_EQ(by_value.key_known(), by_text.key_known());
    if (!by_text.key_known()) continue;
    EXPECT_EQ(KeyOf(from_value), KeyOf(from_text));
    if (!expected.code.empty()) continue;
    ++accepted;
    std::string value_bytes;
    std::string text_bytes;
    AppendRecord(from_value, &value_bytes);
    AppendRecord(from_text, &text_bytes);
    EXPECT_EQ(value_bytes, text_bytes);
  }
  EXPECT_GT(accepted, 300);
}

// Of a unit, checked as it comes typed; the field's code behind the issue's.
std::string IssueOfUnit(std::string_view code, std::string_view name) {
  const RecordSchema& schema = Schema::Get().At(v1::RECORD_TYPE_UNIT);
  RowParser parser(schema, {360'100, 20'081'031, true});
  Row typed(schema);
  typed.SetText(schema.IndexOf("AAB001"), code);
  typed.SetText(schema.IndexOf("AAB004"), name);
  typed.SetNumber(schema.IndexOf("AAB301"), 360'102);
  Row row;
  const RowIssue issue = parser.ParseTyped(typed, &row);
  if (issue.code.empty()) return "";
  return std::string(issue.code) + " " +
         std::string(schema.fields[issue.field].code);
}

TEST(TypedRows, TextsMustBeUtf8) {
  EXPECT_EQ(IssueOfUnit("u1", "a"), "");
  EXPECT_EQ(IssueOfUnit("u1", "\xff"), "ENCODING AAB004");
}

// It would end the text in the record's key, where another text goes on.
TEST(TypedRows, AZeroByteIsNoPartOfAText) {
  EXPECT_EQ(IssueOfUnit(std::string_view("u\0001", 3), "a"), "FORMAT AAB001");
}

}  // namespace
}  // namespace tongchou::records
