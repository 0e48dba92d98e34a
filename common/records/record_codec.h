// Rows to and from the protobuf wire format, driven by the schema: the bytes
// are those of the record's message, fields in the order of their numbers.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/records/row.h"

namespace tongchou::records {

// Appends the record as it lies in a log: without its key fields, which the key
// has.
void AppendRecord(const Row& row, std::string* out);

// Appends the whole message, key fields included.
void AppendMessage(const Row& row, std::string* out);

// Fills `row` (of the right type; its key fields are left alone) from the bytes
// of a record or message. Texts are views into `bytes`. Fields that the schema
// does not know are passed over. DATA_LOSS when the bytes are no message.
absl::Status DecodeRecord(std::string_view bytes, Row* row);

// Key and record together.
absl::Status DecodeRow(std::string_view key, std::string_view record, Row* row);

// The value in the notation of the import files: money in yuan with two
// decimals, rates with four, dates YYYYMMDD. Empty when absent.
std::string FormatValue(const Row& row, int field);

}  // namespace tongchou::records
