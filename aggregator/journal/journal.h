// What the province received, in the order in which it wrote it. One RocksDB,
// one column family, keyspaces by first byte:
//
//   'J' ordinal (u64 BE) sub (u32 BE)     -> city, first sequence, bundle
//   'J' ordinal (u64 BE) ff ff ff ff      -> end of the group: checkpoints
//   'I' city (u24 BE) first sequence (u64)-> ordinal, sub
//   'P' city (u24 BE)                     -> position: range, times, checkpoint
//   'K' city (u24 BE) size (u64 BE)       -> every checkpoint received, with
//                                            the province's cosignature
//   'F' city (u24 BE) time (u64 BE)       -> fork evidence, two signed notes
//
// A group is one synced write of all verified batches that had arrived: it is
// there as a whole or not at all.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/exchange/ingest.h"

namespace rocksdb {
class FileSystem;
}

namespace tongchou::aggregator {

struct JournalOptions {
  std::string directory;
  std::shared_ptr<rocksdb::FileSystem> file_system;  // null = the real one
  size_t block_cache_bytes = 64 << 20;
};

struct JournalBundle {
  uint32_t city = 0;
  uint64_t first_sequence = 0;
  uint64_t count = 0;
  std::string bytes;
};

struct JournalCheckpoint {
  uint32_t city = 0;
  uint64_t size = 0;
  std::string note;  // the city's, cosigned by the province
  ledger::Hash root;
  int64_t commit_time_us = 0;  // of the last entry below size
};

// Bundles of one city are in the order of their sequences.
struct JournalGroup {
  uint64_t ordinal = 0;  // from 1, without gaps
  std::vector<JournalBundle> bundles;
  std::vector<JournalCheckpoint> checkpoints;
};

// One batch of one city, verified, on its way into a group.
struct JournalBatch {
  uint32_t city = 0;
  exchange::VerifiedBatch batch;
  std::string cosigned_checkpoint;
  uint64_t incarnation_counter = 0;
  uint64_t incarnation_nonce = 0;
};

// One writer at a time, any number of readers; readers see whole groups.
class Journal {
 public:
  static absl::StatusOr<std::unique_ptr<Journal>> Open(
      const JournalOptions& options);
  virtual ~Journal() = default;

  // One synced write; returns the group as it was written.
  virtual absl::StatusOr<JournalGroup> Append(
      std::vector<JournalBatch> batches) = 0;

  virtual uint64_t last_ordinal() const = 0;
  // Groups with ordinal >= `from`, in order, until `visit` returns false.
  virtual absl::Status ReadGroups(
      uint64_t from,
      const std::function<bool(JournalGroup&&)>& visit) const = 0;

  // Cities that have ever sent, by code.
  virtual std::vector<uint32_t> cities() const = 0;
  // What is held of a city; an empty copy when nothing is.
  virtual absl::StatusOr<exchange::CityCopy> City(uint32_t city) const = 0;
  virtual absl::StatusOr<ledger::Hash> RootAt(uint32_t city,
                                              uint64_t size) const = 0;

  // Bundles of one city in order, from the one that holds `sequence` on.
  virtual absl::Status ReadCity(
      uint32_t city, uint64_t sequence,
      const std::function<bool(JournalBundle&&)>& visit) const = 0;
  // Checkpoints with from < size <= to, in order.
  virtual absl::StatusOr<std::vector<JournalCheckpoint>> Checkpoints(
      uint32_t city, uint64_t from, uint64_t to) const = 0;

  // Durable facts about sessions and forks.
  virtual absl::Status PutIncarnation(uint32_t city, uint64_t counter,
                                      uint64_t nonce) = 0;
  virtual absl::Status Quarantine(uint32_t city, std::string_view reason,
                                  const exchange::ForkEvidence& evidence) = 0;
};

}  // namespace tongchou::aggregator
