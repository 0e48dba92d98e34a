#include "common/records/record_codec.h"

#include <gtest/gtest.h>

#include "common/records/record_key.h"

namespace tongchou::records {
namespace {

Row RefundRow() {
  Row row(Schema::Get().At(RecordType::RECORD_TYPE_CONTRIBUTION));
  const RecordSchema& schema = row.schema();
  row.SetText(schema.IndexOf("AAC002"), "360102190001010017");
  row.SetText(schema.IndexOf("AAE140"), "110");
  row.SetNumber(schema.IndexOf("AAE003"), 200809);
  row.SetNumber(schema.IndexOf("AAE002"), 200810);
  row.SetText(schema.IndexOf("AAA115"), "10");
  row.SetNumber(schema.IndexOf("AAB301"), 360102);
  row.SetNumber(schema.IndexOf("AAE080"), -12345);
  row.SetNumber(schema.IndexOf("AAE082"), 0);
  row.SetNumber(schema.IndexOf("AAA041"), 800);
  return row;
}

TEST(RecordCodec, TheBytesAreThoseOfTheProtobufMessage) {
  std::string bytes;
  AppendMessage(RefundRow(), &bytes);
  v1::Contribution message;
  ASSERT_TRUE(message.ParseFromString(bytes));
  EXPECT_EQ(message.id_number(), "360102190001010017");
  EXPECT_EQ(message.unit_paid(), -12345);
  EXPECT_TRUE(message.has_personal_paid());
  EXPECT_FALSE(message.has_paid_on());
  EXPECT_EQ(message.SerializeAsString(), bytes);
}

TEST(RecordCodec, KeyFieldsLiveInTheKeyAlone) {
  const Row row = RefundRow();
  std::string record;
  AppendRecord(row, &record);
  v1::Contribution message;
  ASSERT_TRUE(message.ParseFromString(record));
  EXPECT_FALSE(message.has_id_number());
  Row back(row.schema());
  ASSERT_TRUE(DecodeRow(KeyOf(row), record, &back).ok());
  std::string again;
  AppendMessage(back, &again);
  std::string whole;
  AppendMessage(row, &whole);
  EXPECT_EQ(again, whole);
}

TEST(RecordCodec, FieldsOfNewerNodesArePassedOver) {
  std::string record;
  AppendRecord(RefundRow(), &record);
  record += std::string("\xfa\x3e\x03new", 6);  // field 1007, text
  Row back(RefundRow().schema());
  ASSERT_TRUE(DecodeRecord(record, &back).ok());
  EXPECT_EQ(back.number(back.schema().IndexOf("AAB301")), 360102);
}

TEST(RecordCodec, TornBytesAreDataLossOrAPrefix) {
  std::string record;
  AppendRecord(RefundRow(), &record);
  Row back(RefundRow().schema());
  EXPECT_EQ(DecodeRecord("\x0a\x05xx", &back).code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeRecord("\xff", &back).code(), absl::StatusCode::kDataLoss);
}

TEST(RecordCodec, FormatsAsFilesWriteIt) {
  const Row row = RefundRow();
  EXPECT_EQ(FormatValue(row, row.schema().IndexOf("AAE080")), "-123.45");
  EXPECT_EQ(FormatValue(row, row.schema().IndexOf("AAE082")), "0.00");
  EXPECT_EQ(FormatValue(row, row.schema().IndexOf("AAA041")), "0.0800");
  EXPECT_EQ(FormatValue(row, row.schema().IndexOf("AAE003")), "200809");
  EXPECT_EQ(FormatValue(row, row.schema().IndexOf("AAE079")), "");
}

}  // namespace
}  // namespace tongchou::records
