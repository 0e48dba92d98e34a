#include "common/records/record_key.h"

#include <array>
#include <cstring>

#include "common/base/status.h"

namespace tongchou::records {
namespace {

constexpr char kDocumentMark = static_cast<char>(0x80);
constexpr size_t kPackedPersonBytes = 8;
constexpr size_t kNumberBytes = 4;

bool IsPackable(std::string_view id) {
  if (id.size() != 18) return false;
  for (size_t i = 0; i < 17; ++i) {
    if (id[i] < '0' || id[i] > '9') return false;
  }
  return (id[17] >= '0' && id[17] <= '9') || id[17] == 'X';
}

void AppendBigEndian(uint64_t value, size_t bytes, std::string* out) {
  for (size_t i = bytes; i-- > 0;) {
    out->push_back(static_cast<char>(value >> (8 * i)));
  }
}

uint64_t ReadBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

absl::Status BadKey(std::string_view why) {
  return base::DataLossError("record key: {}", why);
}

// Length of the text component at the start of `key`, without its 00.
std::optional<size_t> TextLength(std::string_view key) {
  const size_t end = key.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  return end;
}

// Bytes of the person component at the start of `key`; 0 when malformed.
size_t PersonLength(std::string_view key) {
  if (key.empty()) return 0;
  if (key[0] != kDocumentMark) {
    const bool packed =
        key.size() >= kPackedPersonBytes && static_cast<uint8_t>(key[0]) < 0x10;
    return packed ? kPackedPersonBytes : 0;
  }
  const std::optional<size_t> length = TextLength(key.substr(1));
  return length.has_value() ? *length + 2 : 0;
}

void StorePerson(std::string_view component, int field, Row* row) {
  row->StoreText(field, PersonText(component));
}

absl::Status TakePerson(std::string_view* key, int field, Row* row) {
  const size_t length = PersonLength(*key);
  if (length == 0) return BadKey("no person where one must be");
  StorePerson(key->substr(0, length), field, row);
  key->remove_prefix(length);
  return absl::OkStatus();
}

absl::Status TakeComponent(std::string_view* key, int field, Row* row) {
  const FieldSchema& schema = row->schema().fields[field];
  if (schema.format == FieldFormat::FIELD_FORMAT_ID_NUMBER) {
    return TakePerson(key, field, row);
  }
  if (schema.kind == ValueKind::kText) {
    const std::optional<size_t> length = TextLength(*key);
    if (!length.has_value()) return BadKey("text without an end");
    if (*length > 0) row->StoreText(field, key->substr(0, *length));
    key->remove_prefix(*length + 1);
    return absl::OkStatus();
  }
  if (key->size() < kNumberBytes) return BadKey("number cut short");
  row->SetNumber(
      field, static_cast<int64_t>(ReadBigEndian(key->substr(0, kNumberBytes))));
  key->remove_prefix(kNumberBytes);
  return absl::OkStatus();
}

}  // namespace

void AppendPerson(std::string_view id_number, std::string* out) {
  if (!IsPackable(id_number)) {
    out->push_back(kDocumentMark);
    out->append(id_number);
    out->push_back('\0');
    return;
  }
  uint64_t digits = 0;
  for (size_t i = 0; i < 17; ++i) {
    digits = digits * 10 + static_cast<uint64_t>(id_number[i] - '0');
  }
  const uint64_t check =
      id_number[17] == 'X' ? 10 : static_cast<uint64_t>(id_number[17] - '0');
  AppendBigEndian(digits * 11 + check, kPackedPersonBytes, out);
}

std::string PersonText(std::string_view component) {
  if (component[0] == kDocumentMark) {
    return std::string(component.substr(1, component.size() - 2));
  }
  const uint64_t packed = ReadBigEndian(component);
  std::string text(18, '0');
  text[17] = "0123456789X"[packed % 11];
  uint64_t digits = packed / 11;
  for (size_t i = 17; i-- > 0; digits /= 10) {
    text[i] = static_cast<char>('0' + digits % 10);
  }
  return text;
}

std::string PersonPrefix(std::string_view id_number) {
  std::string out(1, kPersonSpace);
  AppendPerson(id_number, &out);
  return out;
}

void AppendComponent(const Row& row, int field, std::string* out) {
  const FieldSchema& schema = row.schema().fields[field];
  if (schema.format == FieldFormat::FIELD_FORMAT_ID_NUMBER) {
    AppendPerson(row.text(field), out);
  } else if (schema.kind == ValueKind::kText) {
    out->append(row.text(field));
    out->push_back('\0');
  } else {
    AppendBigEndian(static_cast<uint64_t>(row.number(field)), kNumberBytes,
                    out);
  }
}

void AppendKey(const Row& row, std::string* out) {
  const RecordSchema& schema = row.schema();
  size_t next = 0;
  if (schema.person_centred) {
    out->push_back(kPersonSpace);
    AppendComponent(row, schema.key_fields[next++], out);
  } else {
    out->push_back(kTypeSpace);
  }
  out->push_back(static_cast<char>(schema.type));
  for (; next < schema.key_fields.size(); ++next) {
    AppendComponent(row, schema.key_fields[next], out);
  }
}

std::string KeyOf(const Row& row) {
  std::string key;
  AppendKey(row, &key);
  return key;
}

std::optional<uint32_t> TypeOfKey(std::string_view key) {
  if (key.size() < 2) return std::nullopt;
  if (key[0] == kTypeSpace) return static_cast<uint8_t>(key[1]);
  if (key[0] != kPersonSpace) return std::nullopt;
  const size_t length = PersonLength(key.substr(1));
  if (length == 0 || key.size() <= 1 + length) return std::nullopt;
  return static_cast<uint8_t>(key[1 + length]);
}

std::string_view PersonOfKey(std::string_view key) {
  if (key.empty() || key[0] != kPersonSpace) return {};
  return key.substr(1, PersonLength(key.substr(1)));
}

absl::Status DecodeKey(std::string_view key, Row* row) {
  const RecordSchema& schema = row->schema();
  const std::optional<uint32_t> type = TypeOfKey(key);
  if (type != static_cast<uint32_t>(schema.type) ||
      (key[0] == kPersonSpace) != schema.person_centred) {
    return BadKey("not of the type");
  }
  key.remove_prefix(1);
  size_t next = 0;
  if (schema.person_centred) {
    RETURN_IF_ERROR(TakePerson(&key, schema.key_fields[next++], row));
  }
  key.remove_prefix(1);
  for (; next < schema.key_fields.size(); ++next) {
    RETURN_IF_ERROR(TakeComponent(&key, schema.key_fields[next], row));
  }
  if (!key.empty()) return BadKey("bytes behind the last field");
  return absl::OkStatus();
}

}  // namespace tongchou::records
