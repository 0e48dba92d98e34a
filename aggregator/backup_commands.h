// Backups of the journal, as the commands of the aggregator's own machine take,
// show and restore them.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "aggregator/aggregator_config.h"

namespace tongchou::aggregator {

// Asks the running aggregator. UNAVAILABLE when there is none; else as
// ledger::TakeBackup.
absl::Status TakeJournalBackup(const AggregatorConfig& config,
                               const std::string& directory, uint32_t keep);

// Needs neither aggregator nor configuration.
absl::Status PrintJournalBackups(const std::string& directory, bool verify);

// For an aggregator that does not run and has no journal; 0 = the newest one.
// The next start makes the unified database; the cities send what is missing,
// the mirror what the own log lacks.
absl::Status RestoreJournalBackup(const AggregatorConfig& config,
                                  const std::string& directory,
                                  uint32_t number);

}  // namespace tongchou::aggregator
