// Replication without a line, as the commands of a node's machine do it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "node/node_config.h"

namespace tongchou::node {

// Has the running node write what the province lacks, or what lies behind the
// first `from` entries, into a file. Prints what is in it.
absl::Status ExportLog(const NodeConfig& config, const std::string& path,
                       std::optional<uint64_t> from);

// Gives the running node the province's acknowledgement. Errors name the file.
absl::Status AcceptAcknowledgement(const NodeConfig& config,
                                   const std::string& path);

}  // namespace tongchou::node
