// Backups of a node's log, as the commands of its own machine take, show and
// restore them.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "node/node_config.h"

namespace tongchou::node {

// Asks the running node. UNAVAILABLE when there is none; else as
// ledger::TakeBackup.
absl::Status TakeLogBackup(const NodeConfig& config,
                           const std::string& directory, uint32_t keep);

// Needs neither node nor configuration.
absl::Status PrintLogBackups(const std::string& directory, bool verify);

// For a node that does not run and has no log; 0 = the newest one. The next
// start makes the state and fetches from the province what is missing.
absl::Status RestoreLogBackup(const NodeConfig& config,
                              const std::string& directory, uint32_t number);

}  // namespace tongchou::node
