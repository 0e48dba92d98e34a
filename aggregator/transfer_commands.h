// Replication without a line, as the command of the aggregator's machine does
// it.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "aggregator/aggregator_config.h"

namespace tongchou::aggregator {

// Has the running aggregator take what tongchou-node export wrote, with the
// checks of the live exchange, and writes the acknowledgement for the node.
// What the province holds already is passed over; when that is everything, the
// acknowledgement is written and ALREADY_EXISTS says so. Errors name the file;
// what was taken before an error is durable, and the same file may be given
// again.
absl::Status ImportExport(const AggregatorConfig& config,
                          const std::string& path,
                          const std::string& acknowledgement);

}  // namespace tongchou::aggregator
