// Write requests of clients, checked like rows of a file.
#pragma once

#include "absl/status/statusor.h"
#include "common/records/row_parser.h"
#include "node/change.h"
#include "tongchou/v1/node.pb.h"

namespace tongchou::node {

inline constexpr size_t kTransactionIdBytesMax = 64;

// INVALID_ARGUMENT names the change, the field and the reject code.
absl::StatusOr<WriteGroup> ToWriteGroup(const v1::WriteRequest& request,
                                        const records::RowRules& rules);

}  // namespace tongchou::node
