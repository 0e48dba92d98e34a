#include "common/records/record_codec.h"

#include <cstdint>

#include "common/base/status.h"
#include "common/base/varint.h"
#include "common/records/record_key.h"

namespace tongchou::records {
namespace {

constexpr uint32_t kVarint = 0;
constexpr uint32_t kFixed64 = 1;
constexpr uint32_t kLengthDelimited = 2;
constexpr uint32_t kFixed32 = 5;

using base::AppendVarint;
using base::TakeVarint;

uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^
         static_cast<uint64_t>(value >> 63);
}

int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

void AppendField(const Row& row, const FieldSchema& field, std::string* out) {
  if (!row.has(field.index)) return;
  const auto number = static_cast<uint32_t>(field.number);
  if (field.kind == ValueKind::kText) {
    const std::string_view text = row.text(field.index);
    AppendVarint(number << 3 | kLengthDelimited, out);
    AppendVarint(text.size(), out);
    out->append(text);
    return;
  }
  const int64_t value = row.number(field.index);
  AppendVarint(number << 3 | kVarint, out);
  AppendVarint(field.kind == ValueKind::kSigned ? ZigZag(value)
                                                : static_cast<uint64_t>(value),
               out);
}

const FieldSchema* FieldByNumber(const RecordSchema& schema, uint64_t number) {
  // Numbers run from 1 without a gap in all types of today.
  if (number >= 1 && number <= schema.fields.size() &&
      schema.fields[number - 1].number == static_cast<int>(number)) {
    return &schema.fields[number - 1];
  }
  for (const FieldSchema& field : schema.fields) {
    if (field.number == static_cast<int>(number)) return &field;
  }
  return nullptr;
}

absl::Status Malformed() {
  return base::DataLossError("record: bytes are not a protobuf message");
}

bool TakeText(std::string_view* in, std::string_view* text) {
  uint64_t length;
  if (!TakeVarint(in, &length) || length > in->size()) return false;
  *text = in->substr(0, length);
  in->remove_prefix(length);
  return true;
}

bool SkipFixed(std::string_view* in, size_t bytes) {
  if (in->size() < bytes) return false;
  in->remove_prefix(bytes);
  return true;
}

// Takes the value behind a tag and puts it into the row when the schema knows
// the field with that wire type.
bool TakeValue(std::string_view* in, uint64_t tag, Row* row) {
  const FieldSchema* field = FieldByNumber(row->schema(), tag >> 3);
  switch (tag & 7) {
    case kVarint: {
      uint64_t value;
      if (!TakeVarint(in, &value)) return false;
      if (field == nullptr || field->kind == ValueKind::kText) return true;
      row->SetNumber(field->index, field->kind == ValueKind::kSigned
                                       ? UnZigZag(value)
                                       : static_cast<uint32_t>(value));
      return true;
    }
    case kLengthDelimited: {
      std::string_view text;
      if (!TakeText(in, &text)) return false;
      if (field != nullptr && field->kind == ValueKind::kText) {
        row->SetText(field->index, text);
      }
      return true;
    }
    case kFixed64:
      return SkipFixed(in, 8);
    case kFixed32:
      return SkipFixed(in, 4);
    default:
      return false;
  }
}

std::string FormatDecimal(int64_t value, int64_t scale, int decimals) {
  const uint64_t magnitude = value < 0 ? 0 - static_cast<uint64_t>(value)
                                       : static_cast<uint64_t>(value);
  const auto unsigned_scale = static_cast<uint64_t>(scale);
  return fmt::format("{}{}.{:0{}}", value < 0 ? "-" : "",
                     magnitude / unsigned_scale, magnitude % unsigned_scale,
                     decimals);
}

}  // namespace

void AppendRecord(const Row& row, std::string* out) {
  for (const FieldSchema& field : row.schema().fields) {
    if (!field.key) AppendField(row, field, out);
  }
}

void AppendMessage(const Row& row, std::string* out) {
  for (const FieldSchema& field : row.schema().fields) {
    AppendField(row, field, out);
  }
}

absl::Status DecodeRecord(std::string_view bytes, Row* row) {
  while (!bytes.empty()) {
    uint64_t tag;
    if (!TakeVarint(&bytes, &tag) || !TakeValue(&bytes, tag, row)) {
      return Malformed();
    }
  }
  return absl::OkStatus();
}

absl::Status DecodeRow(std::string_view key, std::string_view record,
                       Row* row) {
  RETURN_IF_ERROR(DecodeRecord(record, row));
  return DecodeKey(key, row);
}

std::string FormatValue(const Row& row, int field) {
  if (!row.has(field)) return {};
  switch (row.schema().fields[field].format) {
    case FieldFormat::FIELD_FORMAT_MONEY:
      return FormatDecimal(row.number(field), 100, 2);
    case FieldFormat::FIELD_FORMAT_RATE:
      return FormatDecimal(row.number(field), 10'000, 4);
    case FieldFormat::FIELD_FORMAT_DATE:
      return fmt::format("{:08}", row.number(field));
    case FieldFormat::FIELD_FORMAT_MONTH:
    case FieldFormat::FIELD_FORMAT_DIVISION:
      return fmt::format("{:06}", row.number(field));
    case FieldFormat::FIELD_FORMAT_COUNT:
      return fmt::format("{}", row.number(field));
    default:
      return std::string(row.text(field));
  }
}

}  // namespace tongchou::records
