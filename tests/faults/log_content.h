// A city's log read from its first entry to its last, and what the province
// would have of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "common/ledger/log_store.h"

namespace tongchou::faults {

struct LogContent {
  struct Last {
    uint64_t sequence = 0;
    bool deleted = false;
  };
  std::map<std::string, Last> records;      // by key: the last change
  uint32_t receipts = 0;                    // of imports
  std::map<std::string, int> transactions;  // by id: how often
};

// Every bundle, hashed anew. An error that reading says is passed on; gaps,
// repetitions, wrong links to the past and a wrong root that no read noticed
// are INTERNAL "silent: ...".
absl::StatusOr<LogContent> ReadLog(const ledger::LogStore& log);

// What was shipped, hashed as it came.
class CityCopy {
 public:
  uint64_t size() const { return range_.size(); }
  ledger::Hash Root() const { return range_.Root(); }
  // What the log has behind what is here, up to `head`.
  absl::Status Take(const ledger::LogStore& log, const ledger::LogHead& head);

 private:
  ledger::CompactRange range_;
};

}  // namespace tongchou::faults
