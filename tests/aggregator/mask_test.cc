#include "aggregator/service/mask.h"

#include <gtest/gtest.h>

#include "common/records/record_key.h"
#include "common/records/schema.h"

namespace tongchou::aggregator {
namespace {

constexpr char kPerson[] = "369901198001010019";

void AddField(const char* code, const char* value, v1::RecordView* view) {
  v1::FieldText* field = view->add_fields();
  field->set_code(code);
  field->set_value(value);
}

v1::RecordView Person() {
  v1::RecordView view;
  view.set_type(v1::RECORD_TYPE_PERSON);
  view.set_city(360100);
  view.set_key("a key with the ID number");
  view.set_record("the record");
  AddField("AAC002", kPerson, &view);
  AddField("AAC003", "王小明", &view);
  AddField("AAC006", "19800101", &view);
  AddField("AAC004", "1", &view);
  AddField("AAB301", "360102", &view);
  return view;
}

std::string ValueOf(const v1::RecordView& view, const std::string& code) {
  for (const v1::FieldText& field : view.fields()) {
    if (field.code() == code) return field.value();
  }
  return "";
}

class MaskTest : public testing::Test {
 protected:
  const Masker masker_{std::string(base::kSealerKeyBytes, 'k')};
};

TEST_F(MaskTest, PersonalFieldsFollowOneRule) {
  v1::RecordView view = Person();
  masker_.Mask(&view);
  EXPECT_EQ(ValueOf(view, "AAC002"), "369901************");
  EXPECT_EQ(ValueOf(view, "AAC003"), "王*");
  EXPECT_EQ(ValueOf(view, "AAC006"), "1*");
  EXPECT_EQ(ValueOf(view, "AAC004"), "1");
  EXPECT_EQ(ValueOf(view, "AAB301"), "360102");
  EXPECT_EQ(view.key(), "");
  EXPECT_EQ(view.record(), "");
  EXPECT_EQ(view.pseudonym(), masker_.Pseudonym(kPerson));
}

// Whatever the schema calls personal in any type, nothing of it stays.
TEST_F(MaskTest, EveryPersonalFieldOfEveryTypeIsMasked) {
  int personal = 0;
  for (const records::RecordSchema& schema : records::Schema::Get().types()) {
    v1::RecordView view;
    view.set_type(schema.type);
    for (const records::FieldSchema& field : schema.fields) {
      if (!field.code.empty()) AddField(field.code.c_str(), "明文甲乙", &view);
    }
    masker_.Mask(&view);
    for (const records::FieldSchema& field : schema.fields) {
      if (field.code.empty()) continue;
      personal += field.personal ? 1 : 0;
      EXPECT_EQ(ValueOf(view, field.code), field.personal ? "明*" : "明文甲乙")
          << schema.name << " " << field.code;
    }
  }
  EXPECT_GE(personal, 19);
}

TEST_F(MaskTest, OfAnUnknownTypeNothingIsShown) {
  v1::RecordView view = Person();
  view.set_type(static_cast<v1::RecordType>(99));
  masker_.Mask(&view);
  EXPECT_EQ(view.fields_size(), 0);
  EXPECT_EQ(view.record(), "");
}

// A deleted record has no fields; its key still says whose it was.
TEST_F(MaskTest, ThePersonOfADeletedRecordHasTheSamePseudonym) {
  v1::RecordView view;
  view.set_type(v1::RECORD_TYPE_ENROLMENT);
  view.set_key(records::PersonPrefix(kPerson) +
               "\x03"
               "110");
  view.set_deleted(true);
  EXPECT_EQ(PersonOf(view), kPerson);
  masker_.Mask(&view);
  EXPECT_EQ(view.pseudonym(), masker_.Pseudonym(kPerson));
}

TEST_F(MaskTest, WhatPeopleWroteIsLeftOut) {
  v1::RecordVersion version;
  *version.mutable_record() = Person();
  version.set_staff("李四");
  version.set_reason_text("因王小明来电");
  version.set_document_number("D1");
  masker_.Mask(&version);
  EXPECT_EQ(version.staff() + version.reason_text() + version.document_number(),
            "");
  EXPECT_EQ(version.DebugString().find("小明"), std::string::npos);
}

TEST_F(MaskTest, APseudonymIsStableAndNamesOnePerson) {
  const std::string pseudonym = masker_.Pseudonym(kPerson);
  EXPECT_EQ(pseudonym.size(), 32u);
  EXPECT_EQ(masker_.Pseudonym(kPerson), pseudonym);
  EXPECT_NE(masker_.Pseudonym("369901198001010027"), pseudonym);
  EXPECT_EQ(masker_.Name(pseudonym).value(), kPerson);
  EXPECT_EQ(masker_.Name(masker_.Pseudonym("E12345678")).value(), "E12345678");
  EXPECT_FALSE(masker_.Name(kPerson).ok());
  EXPECT_FALSE(masker_.Name("").ok());
  EXPECT_FALSE(
      Masker(std::string(base::kSealerKeyBytes, 'l')).Name(pseudonym).ok());
}

TEST_F(MaskTest, TokensAreSealed) {
  const std::string token = std::string("R") + kPerson;
  const std::string sealed = masker_.SealToken(token);
  EXPECT_EQ(sealed.find("3699"), std::string::npos);
  EXPECT_EQ(masker_.OpenToken(sealed).value(), token);
  EXPECT_EQ(masker_.SealToken(""), "");
  EXPECT_EQ(masker_.OpenToken("").value(), "");
  EXPECT_FALSE(masker_.OpenToken(token).ok());
}

TEST_F(MaskTest, FiltersOnPersonalFieldsAreRefused) {
  v1::ListRecordsRequest request;
  request.set_type(v1::RECORD_TYPE_PERSON);
  v1::FieldFilter* filter = request.add_filters();
  filter->set_code("AAB301");
  EXPECT_TRUE(CheckMaskedFilters(request).ok());
  filter->set_code("AAC003");
  EXPECT_TRUE(absl::IsPermissionDenied(CheckMaskedFilters(request)));
}

}  // namespace
}  // namespace tongchou::aggregator
