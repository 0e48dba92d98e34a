#include "common/records/schema.h"

#include <algorithm>

#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/records/catalogue.h"

namespace tongchou::records {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

ValueKind KindOf(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_STRING:
      return ValueKind::kText;
    case FieldDescriptor::TYPE_UINT32:
      return ValueKind::kUnsigned;
    default:
      TONGCHOU_CHECK(field.type() == FieldDescriptor::TYPE_SINT64);
      return ValueKind::kSigned;
  }
}

FieldSchema ReadField(const FieldDescriptor& descriptor, int index) {
  const v1::FieldRules& rules = descriptor.options().GetExtension(v1::field);
  FieldSchema field;
  field.code = rules.code();
  field.name_zh = rules.name_zh();
  field.name_en = rules.name_en();
  field.number = descriptor.number();
  field.index = index;
  field.format = rules.format();
  field.kind = KindOf(descriptor);
  field.key = rules.key();
  field.key_may_be_empty = rules.key_may_be_empty();
  field.mandatory = rules.mandatory();
  field.personal = rules.personal();
  field.indexed = rules.indexed();
  field.may_be_negative = rules.may_be_negative();
  field.identity = rules.identity();
  field.code_list = rules.code_list();
  field.code_list_closed = rules.code_list_closed();
  field.length_max = rules.length_max();
  return field;
}

// Rules that name other fields, once all fields are known.
void ResolveReferences(const Descriptor& descriptor, RecordSchema& schema) {
  for (FieldSchema& field : schema.fields) {
    const v1::FieldRules& rules = descriptor.FindFieldByNumber(field.number)
                                      ->options()
                                      .GetExtension(v1::field);
    if (!rules.not_before().empty()) {
      field.not_before = schema.IndexOf(rules.not_before());
    }
  }
  const v1::RecordRules& rules = descriptor.options().GetExtension(v1::record);
  for (const v1::PaidWithinDue& limit : rules.paid_within_due()) {
    schema.paid_within_due.push_back(
        {schema.IndexOf(limit.paid()), schema.IndexOf(limit.due())});
  }
  if (!rules.has_base_of_payment()) return;
  const v1::BaseOfPayment& base = rules.base_of_payment();
  BaseOfPayment resolved;
  resolved.base = schema.IndexOf(base.base());
  for (const std::string& code : base.paid()) {
    resolved.paid.push_back(schema.IndexOf(code));
  }
  resolved.unless_field = schema.IndexOf(base.unless_field());
  resolved.unless_values = {base.unless_values().begin(),
                            base.unless_values().end()};
  schema.base_of_payment = std::move(resolved);
}

std::vector<const FieldDescriptor*> FieldsByNumber(
    const Descriptor& descriptor) {
  std::vector<const FieldDescriptor*> fields;
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor* field = descriptor.field(i);
    if (field->options().HasExtension(v1::field)) fields.push_back(field);
  }
  std::sort(fields.begin(), fields.end(), [](const auto* a, const auto* b) {
    return a->number() < b->number();
  });
  return fields;
}

RecordSchema ReadRecord(const Descriptor& descriptor) {
  const v1::RecordRules& rules = descriptor.options().GetExtension(v1::record);
  RecordSchema schema;
  TONGCHOU_CHECK(v1::RecordType_IsValid(static_cast<int>(rules.type())));
  schema.type = static_cast<RecordType>(rules.type());
  schema.name = rules.name();
  schema.name_zh = rules.name_zh();
  schema.name_en = rules.name_en();
  schema.internal = rules.internal();
  for (const FieldDescriptor* descriptor_field : FieldsByNumber(descriptor)) {
    const int index = static_cast<int>(schema.fields.size());
    FieldSchema field = ReadField(*descriptor_field, index);
    if (field.key) schema.key_fields.push_back(index);
    if (field.indexed) schema.indexed_fields.push_back(index);
    schema.key_indexed = schema.key_indexed || (field.key && field.indexed);
    if (field.format == FieldFormat::FIELD_FORMAT_ID_NUMBER) {
      schema.id_number = index;
    }
    if (field.format == FieldFormat::FIELD_FORMAT_DIVISION) {
      schema.division = index;
    }
    if (!field.code.empty()) schema.index_by_code[field.code] = index;
    schema.fields.push_back(std::move(field));
  }
  TONGCHOU_CHECK(!schema.key_fields.empty());
  schema.person_centred = schema.key_fields.front() == schema.id_number;
  ResolveReferences(descriptor, schema);
  return schema;
}

}  // namespace

const FieldSchema* RecordSchema::Find(std::string_view code) const {
  const auto found = index_by_code.find(std::string(code));
  return found == index_by_code.end() ? nullptr : &fields[found->second];
}

int RecordSchema::IndexOf(std::string_view code) const {
  const FieldSchema* field = Find(code);
  TONGCHOU_CHECK(field != nullptr);
  return field->index;
}

namespace {

std::string FingerprintOf(const std::vector<RecordSchema>& types) {
  std::string text;
  for (const RecordSchema& type : types) {
    text += fmt::format("{} {}\n", static_cast<int>(type.type), type.name);
    for (const FieldSchema& field : type.fields) {
      text += fmt::format("{} {} {} {} {}\n", field.number, field.code,
                          static_cast<int>(field.format),
                          static_cast<int>(field.kind), field.key);
    }
  }
  return base::HexEncode(base::Sha256(text).view().substr(0, 8));
}

}  // namespace

Schema::Schema() {
  const google::protobuf::FileDescriptor& file = CatalogueFile();
  for (int i = 0; i < file.message_type_count(); ++i) {
    const Descriptor* descriptor = file.message_type(i);
    if (!descriptor->options().HasExtension(v1::record)) continue;
    RecordSchema record = ReadRecord(*descriptor);
    by_type_[static_cast<uint32_t>(record.type)] = types_.size();
    by_name_[record.name] = types_.size();
    types_.push_back(std::move(record));
  }
  fingerprint_ = FingerprintOf(types_);
}

const Schema& Schema::Get() {
  static const Schema* const kSchema = new Schema();
  return *kSchema;
}

const RecordSchema* Schema::Find(uint32_t type) const {
  const auto found = by_type_.find(type);
  return found == by_type_.end() ? nullptr : &types_[found->second];
}

const RecordSchema* Schema::Find(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : &types_[found->second];
}

const RecordSchema& Schema::At(RecordType type) const {
  const RecordSchema* schema = Find(static_cast<uint32_t>(type));
  TONGCHOU_CHECK(schema != nullptr);
  return *schema;
}

}  // namespace tongchou::records
