// What records are, read once from the options in proto/: types, fields, keys,
// formats and rules. Everything that works on records is driven by this; a new
// record type is one message and no other code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "tongchou/v1/options.pb.h"
#include "tongchou/v1/records.pb.h"

namespace tongchou::records {

using v1::FieldFormat;
using v1::RecordType;

// How a value is kept in memory and on the wire.
enum class ValueKind : uint8_t {
  kText,      // string
  kUnsigned,  // uint32: varint
  kSigned,    // sint64: zigzag varint
};

struct FieldSchema {
  std::string code;  // national field code; empty for programs' own fields
  std::string name_zh;
  std::string name_en;
  int number = 0;  // protobuf field number
  int index = 0;   // position in RecordSchema::fields
  FieldFormat format = FieldFormat::FIELD_FORMAT_UNSPECIFIED;
  ValueKind kind = ValueKind::kText;
  bool key = false;
  bool key_may_be_empty = false;
  bool mandatory = false;
  bool personal = false;
  bool indexed = false;
  bool may_be_negative = false;
  bool identity = false;
  bool code_list_closed = false;
  std::string code_list;    // empty: the values are free
  uint32_t length_max = 0;  // characters (digits of a count); 0 = unbounded
  int not_before = -1;      // index of the field it may not precede
};

struct PaidWithinDue {
  int paid;  // field indexes
  int due;
};

struct BaseOfPayment {
  int base;
  std::vector<int> paid;
  int unless_field;
  std::vector<std::string> unless_values;
};

struct RecordSchema {
  RecordType type = RecordType::RECORD_TYPE_UNSPECIFIED;
  std::string name;  // enrolment
  std::string name_zh;
  std::string name_en;
  bool internal = false;            // never imported from files
  std::vector<FieldSchema> fields;  // in the order of field numbers
  std::vector<int> key_fields;      // indexes
  std::vector<int> indexed_fields;  // those that queries look up
  bool key_indexed = false;         // one of these is a key field
  bool person_centred = false;      // the first key field is an ID number
  int id_number = -1;               // index of AAC002, -1 when there is none
  int division = -1;                // index of AAB301, -1 when there is none
  std::vector<PaidWithinDue> paid_within_due;
  std::optional<BaseOfPayment> base_of_payment;
  absl::flat_hash_map<std::string, int> index_by_code;

  // Null when the type has no such field.
  const FieldSchema* Find(std::string_view code) const;
  // Index of a field that the caller knows to exist; stops the process if not.
  int IndexOf(std::string_view code) const;
};

// Immutable after construction, so safe from any thread. Stops the process at
// start when the options contradict themselves.
class Schema {
 public:
  static const Schema& Get();

  // Null when the type is unknown (written by a newer node).
  const RecordSchema* Find(uint32_t type) const;
  const RecordSchema* Find(std::string_view name) const;
  // Stops the process when the type is unknown.
  const RecordSchema& At(RecordType type) const;
  // All types in the order of their declaration, which is the order in which a
  // directory is imported.
  const std::vector<RecordSchema>& types() const { return types_; }
  // One word that is another when types or fields are others.
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  Schema();
  std::string fingerprint_;
  std::vector<RecordSchema> types_;
  absl::flat_hash_map<uint32_t, size_t> by_type_;
  absl::flat_hash_map<std::string, size_t> by_name_;
};

}  // namespace tongchou::records
