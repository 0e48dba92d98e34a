// Entries and records as answers show them, and keys out of what people write.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/records/row.h"
#include "tongchou/v1/common.pb.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::records {

// Appends every field that has a value, keys included. DATA_LOSS when the
// bytes are no record. A type that is not known gets no fields.
absl::Status AppendFields(
    std::string_view key, std::string_view record,
    google::protobuf::RepeatedPtrField<v1::FieldText>* fields);

absl::StatusOr<v1::RecordView> MakeView(uint32_t city,
                                        const v1::EntryHeader& header,
                                        const v1::EntryBody& body);
absl::StatusOr<v1::RecordVersion> MakeVersion(uint32_t city,
                                              const v1::EntryHeader& header,
                                              const v1::EntryBody& body);

// The key of a record named by its key fields. INVALID_ARGUMENT names what is
// missing or malformed. A 15-digit ID number is converted.
absl::StatusOr<std::string> KeyFromName(const v1::RecordName& name);

}  // namespace tongchou::records
