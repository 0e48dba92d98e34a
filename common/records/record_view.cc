#include "common/records/record_view.h"

#include "common/base/status.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "common/records/row_parser.h"

namespace tongchou::records {

absl::Status AppendFields(
    std::string_view key, std::string_view record,
    google::protobuf::RepeatedPtrField<v1::FieldText>* fields) {
  const auto type = TypeOfKey(key);
  const RecordSchema* schema =
      type.has_value() ? Schema::Get().Find(*type) : nullptr;
  if (schema == nullptr) return absl::OkStatus();
  Row row(*schema);
  RETURN_IF_ERROR(DecodeRow(key, record, &row));
  for (const FieldSchema& field : schema->fields) {
    std::string value = FormatValue(row, field.index);
    if (value.empty()) continue;
    v1::FieldText* text = fields->Add();
    text->set_code(field.code);
    text->set_value(std::move(value));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::RecordView> MakeView(uint32_t city,
                                        const v1::EntryHeader& header,
                                        const v1::EntryBody& body) {
  v1::RecordView view;
  view.set_type(header.type());
  view.set_city(city);
  view.set_key(body.key());
  view.set_sequence(header.sequence());
  view.set_commit_time_us(header.commit_time_us());
  view.set_deleted(header.operation() != v1::OPERATION_UPSERT);
  if (view.deleted()) return view;
  view.set_record(body.record());
  RETURN_IF_ERROR(
      AppendFields(body.key(), body.record(), view.mutable_fields()));
  return view;
}

absl::StatusOr<v1::RecordVersion> MakeVersion(uint32_t city,
                                              const v1::EntryHeader& header,
                                              const v1::EntryBody& body) {
  v1::RecordVersion version;
  ASSIGN_OR_RETURN(*version.mutable_record(), MakeView(city, header, body));
  version.set_operation(header.operation());
  version.set_reason(header.reason());
  version.set_receipt(header.receipt());
  version.set_line(header.line());
  version.set_actor(header.actor());
  version.set_staff(body.staff());
  version.set_reason_text(body.reason_text());
  version.set_document_number(body.document_number());
  version.set_previous(header.previous());
  return version;
}

absl::StatusOr<std::string> KeyFromName(const v1::RecordName& name) {
  const RecordSchema* schema =
      Schema::Get().Find(static_cast<uint32_t>(name.type()));
  if (schema == nullptr) {
    return base::InvalidArgumentError("there is no record type {}",
                                      static_cast<int>(name.type()));
  }
  std::vector<std::string_view> texts(schema->fields.size());
  for (const v1::FieldText& text : name.key_fields()) {
    const FieldSchema* field = schema->Find(text.code());
    if (field == nullptr || !field->key) {
      return base::InvalidArgumentError("{} is no key field of {}", text.code(),
                                        schema->name);
    }
    texts[field->index] = text.value();
  }
  RowParser parser(*schema, {0, 99'991'231, /*synthetic=*/true});
  Row row;
  parser.Parse(texts, std::vector<bool>(texts.size()), &row);
  if (!parser.key_known()) {
    std::string fields;
    for (const int field : schema->key_fields) {
      fields += (fields.empty() ? "" : ", ") + schema->fields[field].code;
    }
    return base::InvalidArgumentError("a {} is named by valid values of {}",
                                      schema->name, fields);
  }
  return KeyOf(row);
}

}  // namespace tongchou::records
