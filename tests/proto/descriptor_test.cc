// Rules of the protocol that protoc does not know: names of enum values and the
// options that drive importer, key codec and exports.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tongchou/v1/admin.pb.h"
#include "tongchou/v1/alarm.pb.h"
#include "tongchou/v1/audit.pb.h"
#include "tongchou/v1/backup.pb.h"
#include "tongchou/v1/common.pb.h"
#include "tongchou/v1/exchange.pb.h"
#include "tongchou/v1/join.pb.h"
#include "tongchou/v1/ledger.pb.h"
#include "tongchou/v1/mirror.pb.h"
#include "tongchou/v1/node.pb.h"
#include "tongchou/v1/options.pb.h"
#include "tongchou/v1/province.pb.h"
#include "tongchou/v1/query.pb.h"
#include "tongchou/v1/records.pb.h"
#include "tongchou/v1/transfer.pb.h"
#include "tongchou/v1/verified_log.pb.h"

namespace tongchou {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

std::vector<const FileDescriptor*> Files() {
  std::vector<const FileDescriptor*> files;
  for (const Descriptor* message :
       {v1::AccessRecord::descriptor(), v1::Alarm::descriptor(),
        v1::LogSummary::descriptor(), v1::RecordView::descriptor(),
        v1::Hello::descriptor(), v1::JoinRequest::descriptor(),
        v1::EntryHeader::descriptor(), v1::MirrorHello::descriptor(),
        v1::VerifiedLog::descriptor(), v1::Change::descriptor(),
        v1::FieldRules::descriptor(), v1::BackupRequest::descriptor(),
        v1::CityStatus::descriptor(), v1::GroupReceipt::descriptor(),
        v1::Unit::descriptor(), v1::Acknowledgement::descriptor()}) {
    files.push_back(message->file());
  }
  return files;
}

void AddEnums(const Descriptor& message,
              std::vector<const EnumDescriptor*>* enums) {
  for (int i = 0; i < message.enum_type_count(); ++i) {
    enums->push_back(message.enum_type(i));
  }
  for (int i = 0; i < message.nested_type_count(); ++i) {
    AddEnums(*message.nested_type(i), enums);
  }
}

std::vector<const EnumDescriptor*> Enums() {
  std::vector<const EnumDescriptor*> enums;
  for (const FileDescriptor* file : Files()) {
    for (int i = 0; i < file->enum_type_count(); ++i) {
      enums.push_back(file->enum_type(i));
    }
    for (int i = 0; i < file->message_type_count(); ++i) {
      AddEnums(*file->message_type(i), &enums);
    }
  }
  return enums;
}

void AddMessages(const Descriptor& message,
                 std::vector<const Descriptor*>* messages) {
  messages->push_back(&message);
  for (int i = 0; i < message.nested_type_count(); ++i) {
    AddMessages(*message.nested_type(i), messages);
  }
}

std::vector<const Descriptor*> Messages() {
  std::vector<const Descriptor*> messages;
  for (const FileDescriptor* file : Files()) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      AddMessages(*file->message_type(i), &messages);
    }
  }
  return messages;
}

std::vector<const Descriptor*> RecordTypes() {
  std::vector<const Descriptor*> types;
  for (const Descriptor* message : Messages()) {
    if (message->options().HasExtension(v1::record)) types.push_back(message);
  }
  return types;
}

const v1::RecordRules& RulesOf(const Descriptor& message) {
  return message.options().GetExtension(v1::record);
}

const v1::FieldRules& RulesOf(const FieldDescriptor& field) {
  return field.options().GetExtension(v1::field);
}

bool HasRules(const FieldDescriptor& field) {
  return field.options().HasExtension(v1::field);
}

std::vector<const FieldDescriptor*> FieldsWithRules() {
  std::vector<const FieldDescriptor*> fields;
  for (const Descriptor* message : Messages()) {
    for (int i = 0; i < message->field_count(); ++i) {
      if (HasRules(*message->field(i))) fields.push_back(message->field(i));
    }
  }
  return fields;
}

// RecordType becomes RECORD_TYPE.
std::string UpperSnakeCase(const std::string& name) {
  std::string upper;
  for (const char c : name) {
    if (std::isupper(static_cast<unsigned char>(c)) && !upper.empty()) {
      upper += '_';
    }
    upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return upper;
}

bool IsCode(const std::string& code) {
  return code.size() >= 6 && code.size() <= 7 &&
         std::all_of(code.begin(), code.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
         });
}

// The protobuf type in which a field of the format is kept.
FieldDescriptor::Type KeptAs(v1::FieldFormat format) {
  switch (format) {
    case v1::FIELD_FORMAT_DIVISION:
    case v1::FIELD_FORMAT_DATE:
    case v1::FIELD_FORMAT_MONTH:
    case v1::FIELD_FORMAT_RATE:
    case v1::FIELD_FORMAT_COUNT:
      return FieldDescriptor::TYPE_UINT32;
    case v1::FIELD_FORMAT_MONEY:
      return FieldDescriptor::TYPE_SINT64;
    default:
      return FieldDescriptor::TYPE_STRING;
  }
}

// Every field code that a rule of the record type names.
std::vector<std::string> CodesNamedBy(const Descriptor& message) {
  const v1::RecordRules& rules = RulesOf(message);
  std::vector<std::string> codes;
  for (const v1::PaidWithinDue& limit : rules.paid_within_due()) {
    codes.push_back(limit.paid());
    codes.push_back(limit.due());
  }
  if (rules.has_base_of_payment()) {
    const v1::BaseOfPayment& base = rules.base_of_payment();
    codes.push_back(base.base());
    codes.push_back(base.unless_field());
    codes.insert(codes.end(), base.paid().begin(), base.paid().end());
  }
  for (int i = 0; i < message.field_count(); ++i) {
    const std::string& other = RulesOf(*message.field(i)).not_before();
    if (!other.empty()) codes.push_back(other);
  }
  return codes;
}

TEST(Files, AllOfThePackageAreWalked) {
  std::set<std::string> walked;
  for (const FileDescriptor* file : Files()) {
    EXPECT_EQ(file->package(), "tongchou.v1") << file->name();
    walked.insert(file->name());
  }
  const std::filesystem::path root =
      std::filesystem::path(TONGCHOU_TEST_DATA) / ".." / ".." / "proto";
  std::set<std::string> present;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".proto") continue;
    present.insert(entry.path().lexically_relative(root).generic_string());
  }
  EXPECT_EQ(walked, present) << "name a message of each file in Files()";
}

TEST(Enums, ZeroIsUnspecified) {
  ASSERT_FALSE(Enums().empty());
  for (const EnumDescriptor* type : Enums()) {
    const auto* zero = type->FindValueByNumber(0);
    ASSERT_NE(zero, nullptr) << type->full_name();
    EXPECT_EQ(zero->name(), UpperSnakeCase(type->name()) + "_UNSPECIFIED")
        << type->full_name();
  }
}

TEST(Enums, ValuesBeginWithTheNameOfTheEnum) {
  for (const EnumDescriptor* type : Enums()) {
    const std::string prefix = UpperSnakeCase(type->name()) + "_";
    for (int i = 0; i < type->value_count(); ++i) {
      EXPECT_TRUE(type->value(i)->name().starts_with(prefix))
          << type->value(i)->full_name() << " should begin with " << prefix;
    }
  }
}

TEST(RecordTypes, AreNamedAndNumbered) {
  ASSERT_FALSE(RecordTypes().empty());
  for (const Descriptor* message : RecordTypes()) {
    const v1::RecordRules& rules = RulesOf(*message);
    EXPECT_FALSE(rules.name().empty()) << message->full_name();
    EXPECT_FALSE(rules.name_zh().empty()) << message->full_name();
    EXPECT_FALSE(rules.name_en().empty()) << message->full_name();
    EXPECT_NE(rules.type(), v1::RECORD_TYPE_UNSPECIFIED)
        << message->full_name();
    const auto* value = v1::RecordType_descriptor()->FindValueByNumber(
        static_cast<int>(rules.type()));
    ASSERT_NE(value, nullptr) << message->full_name() << ": " << rules.type()
                              << " is not in RecordType";
    EXPECT_EQ(value->name(), "RECORD_TYPE_" + UpperSnakeCase(message->name()));
  }
}

TEST(RecordTypes, NamesAndNumbersAreUniqueAndComplete) {
  std::set<std::string> names;
  std::set<uint32_t> types;
  for (const Descriptor* message : RecordTypes()) {
    const v1::RecordRules& rules = RulesOf(*message);
    EXPECT_TRUE(names.insert(rules.name()).second) << rules.name();
    EXPECT_TRUE(types.insert(rules.type()).second) << rules.type();
  }
  // Every value but UNSPECIFIED has its message.
  EXPECT_EQ(static_cast<int>(types.size()) + 1,
            v1::RecordType_descriptor()->value_count());
}

TEST(RecordTypes, FieldNumbersAndCodesAreUnique) {
  for (const Descriptor* message : RecordTypes()) {
    std::set<int> numbers;
    std::set<std::string> codes;
    for (int i = 0; i < message->field_count(); ++i) {
      const FieldDescriptor* field = message->field(i);
      EXPECT_TRUE(numbers.insert(field->number()).second) << field->full_name();
      const std::string& code = RulesOf(*field).code();
      if (code.empty()) continue;
      EXPECT_TRUE(codes.insert(code).second) << field->full_name();
    }
  }
}

TEST(RecordTypes, HaveAKey) {
  for (const Descriptor* message : RecordTypes()) {
    int keys = 0;
    for (int i = 0; i < message->field_count(); ++i) {
      const v1::FieldRules& rules = RulesOf(*message->field(i));
      if (rules.key()) ++keys;
      EXPECT_TRUE(rules.key() || !rules.key_may_be_empty())
          << message->field(i)->full_name();
    }
    EXPECT_GE(keys, 1) << message->full_name();
  }
}

TEST(RecordTypes, RulesNameFieldsOfTheSameType) {
  for (const Descriptor* message : RecordTypes()) {
    std::set<std::string> codes;
    for (int i = 0; i < message->field_count(); ++i) {
      codes.insert(RulesOf(*message->field(i)).code());
    }
    for (const std::string& code : CodesNamedBy(*message)) {
      EXPECT_TRUE(IsCode(code)) << message->full_name() << ": " << code;
      EXPECT_TRUE(codes.contains(code))
          << message->full_name() << ": no field has the code " << code;
    }
  }
}

TEST(RecordTypes, EveryImportedFieldHasRules) {
  for (const Descriptor* message : RecordTypes()) {
    if (RulesOf(*message).internal()) continue;
    for (int i = 0; i < message->field_count(); ++i) {
      EXPECT_TRUE(HasRules(*message->field(i)))
          << message->field(i)->full_name();
    }
  }
}

TEST(Fields, AreNamedAndHaveAFormat) {
  ASSERT_FALSE(FieldsWithRules().empty());
  for (const FieldDescriptor* field : FieldsWithRules()) {
    const v1::FieldRules& rules = RulesOf(*field);
    EXPECT_FALSE(rules.name_zh().empty()) << field->full_name();
    EXPECT_FALSE(rules.name_en().empty()) << field->full_name();
    EXPECT_NE(rules.format(), v1::FIELD_FORMAT_UNSPECIFIED)
        << field->full_name();
    EXPECT_EQ(field->type(), KeptAs(rules.format()))
        << field->full_name() << " is kept as " << field->type_name();
    EXPECT_TRUE(field->containing_type()->options().HasExtension(v1::record))
        << field->full_name() << " has rules outside a record type";
  }
}

TEST(Fields, HaveNationalCodes) {
  for (const FieldDescriptor* field : FieldsWithRules()) {
    const std::string& code = RulesOf(*field).code();
    if (code.empty() && RulesOf(*field->containing_type()).internal()) continue;
    EXPECT_TRUE(IsCode(code)) << field->full_name() << ": \"" << code
                              << "\" is not 6 to 7 capital letters and digits";
  }
}

TEST(Fields, ClosedListsHaveAName) {
  for (const FieldDescriptor* field : FieldsWithRules()) {
    const v1::FieldRules& rules = RulesOf(*field);
    EXPECT_TRUE(!rules.code_list_closed() || !rules.code_list().empty())
        << field->full_name();
    EXPECT_TRUE(rules.code_list().empty() ||
                rules.format() == v1::FIELD_FORMAT_CODE)
        << field->full_name() << " has a code list but is no code";
  }
}

}  // namespace
}  // namespace tongchou
