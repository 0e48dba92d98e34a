// Record keys as they lie in logs and databases.
//
//   space 0x01, person-centred types (the first key field is AAC002):
//     01 | person | type (1) | the other key fields in order
//   space 0x02, all other types:
//     02 | type (1) | key fields in order
//
//   person      18-digit number: (first 17 digits * 11 + check) as 8 bytes,
//               big-endian, check = index in "0123456789X"; first byte < 0x10
//               another document: 80 | text | 00
//   text, code  text | 00
//   number      4 bytes, big-endian (divisions, dates, months, counts)
//
// Byte order is the order of the fields; one prefix holds everything about a
// person across types. The layout is frozen.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/records/row.h"
#include "common/records/schema.h"

namespace tongchou::records {

inline constexpr char kPersonSpace = 0x01;
inline constexpr char kTypeSpace = 0x02;

// The person component of an AAC002 (18 digits or another document).
void AppendPerson(std::string_view id_number, std::string* out);
// The ID number of such a component, which is whole.
std::string PersonText(std::string_view component);
// The prefix of all person-centred keys of that person.
std::string PersonPrefix(std::string_view id_number);

// Appends the key of the row, whose key fields are valid.
void AppendKey(const Row& row, std::string* out);
std::string KeyOf(const Row& row);

// Appends one key component of the field as in a key; for indexes.
void AppendComponent(const Row& row, int field, std::string* out);

// The type that a key says it has; nullopt when the bytes are no key.
std::optional<uint32_t> TypeOfKey(std::string_view key);
// The bytes of the person component in a person-centred key; empty otherwise.
std::string_view PersonOfKey(std::string_view key);

// Fills the key fields of `row`, which is of the key's type; texts are kept in
// its arena.
// DATA_LOSS when the bytes are not a key of the type.
absl::Status DecodeKey(std::string_view key, Row* row);

}  // namespace tongchou::records
