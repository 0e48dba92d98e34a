// The durable log of one origin: bundles, the tree's compact range, one stored
// hash per 256 leaves, checkpoints. One RocksDB with one column family; the
// keyspaces are told apart by their first byte:
//
//   'B' first sequence (u64 big-endian) -> bundle
//   'M'                                 -> last commit time (u64), range
//   'T' index (u64 big-endian)          -> hash over leaves
//                                          [256 index, 256 index + 256)
//   'K' size (u64 big-endian)           -> checkpoint (signed note), newest
//   'X' transaction id                  -> size behind it (u64 big-endian)
//   'U' name                            -> small facts of the log's owner
//
// A group commit is one synced write: after a crash all of it is there or
// nothing. A log may also lie in a database that holds more, all its keys
// behind a prefix; then its owner writes the group commits together with the
// rest (Stage, Publish).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/store_format.h"
#include "common/ledger/backup.h"
#include "common/ledger/compact_range.h"
#include "common/ledger/disk_reserve.h"

namespace rocksdb {
class DB;
class FileSystem;
class WriteBatch;
}  // namespace rocksdb

namespace tongchou::ledger {

// Of a log with a directory of its own.
inline constexpr base::StoreFormat kLogFormat{"log", 1};

struct LogStoreOptions {
  std::string directory;
  // The file system under RocksDB; null = the real one. Not owned; tests put a
  // faulty one here.
  std::shared_ptr<rocksdb::FileSystem> file_system;
  size_t block_cache_bytes = 8 << 20;
  size_t write_buffer_bytes = 8 << 20;
  // Append refuses when less of the disk is free.
  uint64_t disk_reserve_bytes = kDiskReserveBytes;
  // Opens what is there, writes nothing, and refuses to: for a backup as it
  // lies.
  bool read_only = false;
};

// What one group commit writes.
struct GroupCommit {
  struct EncodedBundle {
    uint64_t first_sequence = 0;
    uint64_t count = 0;
    std::string bytes;
  };
  std::vector<EncodedBundle> bundles;        // consecutive, from the log's size
  std::vector<Hash> leaf_hashes;             // of all entries, in order
  int64_t last_commit_time_us = 0;           // of the last entry
  std::vector<std::string> transaction_ids;  // those that clients gave
  std::vector<uint64_t> transaction_sizes;   // log size behind each of them
  // Facts to be written with it; no value = removed.
  std::vector<std::pair<std::string, std::optional<std::string>>> local_facts;
  std::string checkpoint;  // over the end of it, written with it; may be empty
};

struct LogHead {
  CompactRange range;  // size and root
  int64_t last_commit_time_us = 0;
  uint64_t size() const { return range.size(); }
};

struct StoredBundle {
  uint64_t first_sequence = 0;
  std::string bytes;
};

// A bundle that was committed not long ago.
struct RecentBundle {
  uint64_t first_sequence = 0;
  std::string bytes;
  CompactRange end;  // over the log up to the bundle's end
};

// A group commit on its way: what Publish makes visible once it is written.
struct StagedCommit {
  LogHead head;
  std::vector<std::shared_ptr<const RecentBundle>> bundles;
};

// Bytes of the newest bundles that are kept in memory for whoever ships them.
inline constexpr size_t kRecentBytesMax = 20 << 20;

// One writer (Append or Stage and Publish, local facts: any thread, one at a
// time), any number of readers; checkpoints may be put at any time. Readers see
// whole group commits.
class LogStore {
 public:
  // Opens or creates. DATA_LOSS when what is stored contradicts itself;
  // FAILED_PRECONDITION when another process has it open, or it is of a newer
  // format.
  static absl::StatusOr<std::unique_ptr<LogStore>> Open(
      const LogStoreOptions& options);
  // The log whose keys lie behind `prefix` in `db`, which outlives it and which
  // nobody else writes there. Errors as above.
  static absl::StatusOr<std::unique_ptr<LogStore>> OpenWithin(
      rocksdb::DB* db, std::string prefix);
  virtual ~LogStore() = default;

  // One synced write. RESOURCE_EXHAUSTED when the disk is full, as from all
  // that writes: nothing was written and it may be tried again. Any other error
  // of the disk leaves the store read-only until it is opened again.
  virtual absl::Status Append(const GroupCommit& commit) = 0;

  // The same in two steps, for who writes more at once: puts everything into
  // `writes`; after that was written, synced, Publish makes it visible. One at
  // a time, like Append.
  virtual StagedCommit Stage(const GroupCommit& commit,
                             rocksdb::WriteBatch* writes) const = 0;
  virtual void Publish(StagedCommit staged) = 0;

  // What is committed; a consistent copy.
  virtual LogHead Head() const = 0;

  // The bundle that holds the entry. OUT_OF_RANGE behind the end.
  virtual absl::StatusOr<StoredBundle> BundleAt(uint64_t sequence) const = 0;
  // Bundles from the one that holds `sequence` on, in order, until `visit`
  // returns false or the end of the log as of the call. DATA_LOSS where one is
  // missing.
  virtual absl::Status ReadBundles(
      uint64_t sequence,
      const std::function<bool(StoredBundle&&)>& visit) const = 0;

  // The newest bundles from the one that begins at `sequence` on, at most
  // `bytes_max` of them but at least one; empty when that is not in memory.
  virtual std::vector<std::shared_ptr<const RecentBundle>> RecentBundles(
      uint64_t sequence, uint64_t bytes_max) const = 0;

  // Root over the first `size` entries.
  virtual absl::StatusOr<Hash> RootAt(uint64_t size) const = 0;
  // The compact range over the first `size` entries.
  virtual absl::StatusOr<CompactRange> RangeAt(uint64_t size) const = 0;
  virtual absl::StatusOr<std::vector<Hash>> InclusionProofOf(
      uint64_t sequence, uint64_t size) const = 0;
  virtual absl::StatusOr<std::vector<Hash>> ConsistencyProofOf(
      uint64_t old_size, uint64_t size) const = 0;

  // Signed notes by size; a later one for a size replaces the earlier (a
  // cosignature was added). Not synced by itself: the next Append or Sync is.
  virtual absl::Status PutCheckpoint(uint64_t size, std::string_view note) = 0;
  // The one with the greatest size <= `size`.
  virtual absl::StatusOr<std::optional<std::string>> CheckpointAtOrBefore(
      uint64_t size) const = 0;

  // The log's size behind the transaction; nullopt when it was never committed.
  virtual absl::StatusOr<std::optional<uint64_t>> FindTransaction(
      std::string_view id) const = 0;

  // Small facts outside any group commit, synced.
  virtual absl::Status PutLocalFact(std::string_view name,
                                    std::string_view value) = 0;
  virtual absl::Status RemoveLocalFact(std::string_view name) = 0;
  virtual absl::StatusOr<std::optional<std::string>> GetLocalFact(
      std::string_view name) const = 0;

  // A backup of the whole database, from any thread; see WriteBackup.
  virtual absl::StatusOr<uint32_t> WriteBackup(
      const std::string& directory, const std::string& origin,
      const BackupProgress& progress) const = 0;
};

}  // namespace tongchou::ledger
