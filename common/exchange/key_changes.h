// Changes of a log's key in messages and in entries.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ledger/log_keys.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::exchange {

using KeyChangeMessages = google::protobuf::RepeatedPtrField<v1::KeyChange>;

std::vector<ledger::KeyChange> ReadKeyChanges(
    const KeyChangeMessages& messages);
KeyChangeMessages MakeKeyChanges(std::span<const ledger::KeyChange> changes);

// The statement of an entry of type RECORD_TYPE_LOG_KEY, from its record.
// DATA_LOSS when that is none.
absl::StatusOr<std::string> KeyStatementOf(std::string_view record);

}  // namespace tongchou::exchange
