#include "common/records/record_key.h"

#include <gtest/gtest.h>

#include <map>

#include "common/base/sha256.h"
#include "common/records/record_codec.h"

namespace tongchou::records {
namespace {

Row Enrolment(std::string_view id, std::string_view insurance) {
  Row row(Schema::Get().At(RecordType::RECORD_TYPE_ENROLMENT));
  row.StoreText(row.schema().IndexOf("AAC002"), id);
  row.StoreText(row.schema().IndexOf("AAE140"), insurance);
  return row;
}

TEST(RecordKey, GoldenBytesOfAPersonCentredKey) {
  // 11010519491231002 * 11 + 10 = 0x01ae4a19bdbda028.
  EXPECT_EQ(base::HexEncode(KeyOf(Enrolment("11010519491231002X", "110"))),
            "0101ae4a19bdbda0280331313000");
}

TEST(RecordKey, GoldenBytesOfAnotherDocument) {
  EXPECT_EQ(base::HexEncode(KeyOf(Enrolment("G12345", "310"))),
            "0180473132333435000333313000");
}

TEST(RecordKey, GoldenBytesOfATypeKey) {
  Row row(Schema::Get().At(RecordType::RECORD_TYPE_REPAYMENT));
  row.SetText(row.schema().IndexOf("ACC140"), "L1");
  row.SetNumber(row.schema().IndexOf("BCC142"), 20081031);
  EXPECT_EQ(base::HexEncode(KeyOf(row)), "021a4c310001326987");
}

// Index entries of a field are sorted by their components, whatever record
// they come from, so all must be encoded alike, and none begin another.
TEST(RecordKey, AFieldHasOneEncodingInAllTypes) {
  std::map<std::string, std::pair<ValueKind, bool>> encodings;
  for (const RecordSchema& type : Schema::Get().types()) {
    for (const int i : type.indexed_fields) {
      const FieldSchema& field = type.fields[i];
      const std::pair encoding = {
          field.kind, field.format == FieldFormat::FIELD_FORMAT_ID_NUMBER};
      EXPECT_EQ(encodings.emplace(field.code, encoding).first->second, encoding)
          << type.name << " " << field.code;
    }
  }
  EXPECT_GE(encodings.size(), 2u);
  std::vector<std::string> components;
  for (const char* id : {"11010519491231002X", "360102190001010017", "P7", "P",
                         "P70000000", "G12345"}) {
    components.push_back(KeyOf(Enrolment(id, "1")).substr(1));
    components.back().resize(components.back().size() - 3);  // type, "1", 00
  }
  for (const std::string& a : components) {
    for (const std::string& b : components) {
      EXPECT_EQ(a.starts_with(b), a == b);
    }
  }
}

TEST(RecordKey, DecodesWhatItEncoded) {
  for (const char* id : {"11010519491231002X", "360102190001010017", "P7"}) {
    const std::string key = KeyOf(Enrolment(id, "110"));
    EXPECT_EQ(TypeOfKey(key), 3u);
    Row row(Schema::Get().At(RecordType::RECORD_TYPE_ENROLMENT));
    ASSERT_TRUE(DecodeKey(key, &row).ok());
    EXPECT_EQ(row.text(row.schema().IndexOf("AAC002")), id);
    EXPECT_EQ(row.text(row.schema().IndexOf("AAE140")), "110");
    EXPECT_EQ(key.substr(0, PersonPrefix(id).size()), PersonPrefix(id));
  }
}

TEST(RecordKey, CutOrForeignBytesAreDataLoss) {
  const std::string key = KeyOf(Enrolment("11010519491231002X", "110"));
  Row row(Schema::Get().At(RecordType::RECORD_TYPE_ENROLMENT));
  for (size_t i = 0; i < key.size(); ++i) {
    row.Reset(row.schema());
    EXPECT_EQ(DecodeKey(key.substr(0, i), &row).code(),
              absl::StatusCode::kDataLoss)
        << i;
  }
  EXPECT_EQ(DecodeKey(key + "x", &row).code(), absl::StatusCode::kDataLoss);
  Row person(Schema::Get().At(RecordType::RECORD_TYPE_PERSON));
  EXPECT_EQ(DecodeKey(key, &person).code(), absl::StatusCode::kDataLoss);
}

TEST(RecordKey, EmptyPartsOfAContributionKeyAreAllowed) {
  Row row(Schema::Get().At(RecordType::RECORD_TYPE_CONTRIBUTION));
  const RecordSchema& schema = row.schema();
  row.SetText(schema.IndexOf("AAC002"), "360102190001010017");
  row.SetText(schema.IndexOf("AAE140"), "110");
  row.SetNumber(schema.IndexOf("AAE003"), 200809);
  row.SetNumber(schema.IndexOf("AAE002"), 200810);
  row.SetText(schema.IndexOf("AAA115"), "10");
  const std::string key = KeyOf(row);
  Row back(schema);
  ASSERT_TRUE(DecodeKey(key, &back).ok());
  EXPECT_FALSE(back.has(schema.IndexOf("AAB001")));
  EXPECT_EQ(back.number(schema.IndexOf("AAE003")), 200809);
}

}  // namespace
}  // namespace tongchou::records
