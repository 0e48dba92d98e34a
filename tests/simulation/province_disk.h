// What the province has on its simulated disk: the journal with its own log,
// and the unified state.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aggregator/journal/journal.h"
#include "common/exchange/ingest.h"
#include "common/ledger/bundle.h"
#include "tests/simulation/memory_log.h"
#include "tongchou/v1/province.pb.h"

namespace tongchou::simulation {

// What journal and state hold of one city.
struct HeldCity {
  exchange::CityCopy copy;
  Log log;
  std::map<uint64_t, std::string> notes;     // every head received, by size
  uint64_t receipted = 0;                    // by receipts that came back
  uint64_t position = 0;                     // of the state
  std::map<std::string, std::string> state;  // record to value
  uint64_t counter = 0;                      // entries applied
};

// Brings the state behind these entries of the bundle, but for its position.
void ApplyEntries(const ledger::Bundle& bundle, size_t from, HeldCity* held);

// Copies are independent, as backups are.
class ProvinceDisk {
 public:
  HeldCity& Held(uint32_t city) { return cities_[city]; }
  MemoryLog& own_log() { return own_log_; }
  const MemoryLog& own_log() const { return own_log_; }
  uint64_t last_ordinal() const { return last_ordinal_; }

  // A group with its receipt and entries behind it, as Journal::Append writes
  // them: nothing of it is there after an error. INTERNAL when a batch does not
  // continue what is held.
  absl::Status Append(const std::vector<aggregator::JournalBatch>& batches,
                      std::vector<aggregator::OwnEntry> entries,
                      int64_t now_us);
  // The two halves of it, for bugs that write them apart.
  absl::StatusOr<v1::GroupReceipt> AppendBatches(
      const std::vector<aggregator::JournalBatch>& batches);
  void AppendEntries(const std::vector<aggregator::OwnEntry>& entries,
                     int64_t now_us);
  // Entries of the own log that were lost and came back, as Journal::Refill
  // takes them. ABORTED, DATA_LOSS: nothing was changed.
  absl::Status Refill(const ledger::GroupCommit& commit);

 private:
  std::map<uint32_t, HeldCity> cities_;
  MemoryLog own_log_;
  uint64_t last_ordinal_ = 0;
};

}  // namespace tongchou::simulation
