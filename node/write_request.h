// Write requests of clients, checked like rows of a file.
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/records/row_parser.h"
#include "node/change.h"
#include "tongchou/v1/node.pb.h"

namespace tongchou::node {

inline constexpr size_t kTransactionIdBytesMax = 64;
// They stand in every entry of a request.
inline constexpr size_t kStaffCharactersMax = 100;
inline constexpr size_t kReasonCharactersMax = 500;
inline constexpr size_t kDocumentCharactersMax = 100;

// INVALID_ARGUMENT names the text and its bound.
absl::Status CheckLength(std::string_view what, std::string_view text,
                         size_t characters_max);

// INVALID_ARGUMENT names the change, the field and the reject code, or the text
// that is too long; RESOURCE_EXHAUSTED when there are too many changes.
absl::StatusOr<WriteGroup> ToWriteGroup(const v1::WriteRequest& request,
                                        const records::RowRules& rules);

}  // namespace tongchou::node
