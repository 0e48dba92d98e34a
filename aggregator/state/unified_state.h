// The unified database: current records of all cities, indexes, cells, and how
// far they reflect the journal. Derived: written without a WAL, in order, so
// that after a crash what is there is a prefix and says how long it is. One
// RocksDB, one column family. Small batches go into the memtable; large ones
// become sorted files that are ingested, behind an emptied memtable, so that
// the order of writes is kept.
//
//   'A'                               -> ordinal (8), then per city: city (3)
//                                        applied size (8) last commit time (8)
//                                        first commit day (4) live records (8)
//                                        entries not understood (8)
//   'R' record key, city (3)          -> sequence (8) commit time (8)
//                                        previous (8) deleted (1) record
//   'X' field code, 00, value, record key, city (3) -> (empty); only added, so
//                                        it also leads to past values
//   'C' ...                           -> aggregator/indicators/cell.h
//
// All numbers are big-endian.
#pragma once

#include <rocksdb/db.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/store_format.h"

namespace tongchou::aggregator {

struct CityPosition {
  uint64_t size = 0;
  int64_t last_commit_time_us = 0;
  uint32_t first_commit_day = 0;
  uint64_t records = 0;
  uint64_t uninterpreted = 0;
};

struct Position {
  uint64_t ordinal = 0;  // groups up to here are reflected, the last in part
  std::map<uint32_t, CityPosition> cities;
};

struct RecordVersion {
  uint64_t sequence = 0;
  int64_t commit_time_us = 0;
  uint64_t previous = 0;
  bool deleted = false;
  std::string_view record;  // into the bytes that it was read from
};

std::string RecordRowKey(std::string_view record_key, uint32_t city);
// The value of a row is these bytes, then the record.
struct VersionHead {
  std::array<char, 25> bytes;
  std::string_view view() const { return {bytes.data(), bytes.size()}; }
};
VersionHead EncodeVersionHead(const RecordVersion& version);
absl::StatusOr<RecordVersion> DecodeVersion(std::string_view bytes);

struct RowKey {
  std::string_view record_key;
  uint32_t city = 0;
};
// The key's parts; `key` begins with 'R', or is the tail of an index key.
RowKey ParseRowKey(std::string_view key);

// 'R' 01 person type: what the keys of a person's rows of one type begin with.
inline constexpr size_t kPersonTypeBytes = 1 + 1 + 8 + 1;
// Whether the row key, or beginning of one, has such a beginning: packed
// persons only, other documents are of any length.
bool IsOfPackedPerson(std::string_view row_key);

// 'X' field code 00 value: the value as a component of a record key.
std::string IndexPrefix(std::string_view field_code,
                        std::string_view component);

// A consistent view; cheap. Not thread-safe; destroy before the state.
class StateSnapshot {
 public:
  explicit StateSnapshot(rocksdb::DB* db);
  ~StateSnapshot();
  StateSnapshot(const StateSnapshot&) = delete;
  StateSnapshot& operator=(const StateSnapshot&) = delete;

  absl::StatusOr<Position> ReadPosition() const;
  // The version is a view into `bytes`.
  absl::StatusOr<std::optional<RecordVersion>> Get(std::string_view record_key,
                                                   uint32_t city,
                                                   std::string* bytes) const;
  // Keys with the prefix, from `from` (empty = the first) on, until `visit`
  // returns false.
  absl::Status Scan(
      std::string_view prefix, std::string_view from,
      const std::function<bool(std::string_view key, std::string_view value)>&
          visit) const;
  // Rows of one type of one person: 'R' 01 person type. Bloom filters tell
  // quickly that there are none; after ExpectNeighbours, which says that the
  // persons will ascend and lie close together, it goes from one to the next.
  void ExpectNeighbours() { neighbours_ = true; }
  absl::Status ScanPerson(
      std::string_view prefix,
      const std::function<bool(std::string_view key, std::string_view value)>&
          visit) const;

 private:
  void SeekPerson(const rocksdb::Slice& prefix) const;

  rocksdb::DB* const db_;
  const rocksdb::Snapshot* const snapshot_;
  mutable std::unique_ptr<rocksdb::Iterator> iterator_;
  mutable std::unique_ptr<rocksdb::Iterator> person_iterator_;
  bool neighbours_ = false;
};

struct StatePut {
  std::string_view key;
  std::string_view value;
};

// From so many puts on, a batch becomes sorted files instead of entries of the
// memtable: a third of the work, but each file has to be merged later.
inline constexpr size_t kIngestPuts = 65'536;
// Data of one such file.
inline constexpr uint64_t kIngestFileBytes = 64 << 20;
// Files that lie unmerged before they are merged: at rest, and in a burst of
// large batches. Where records are new nobody has to look for them in all those
// files; where stored ones change, each is a question more.
inline constexpr int kMergeFiles = 8;
inline constexpr int kMergeFilesOfUpdates = 16;
inline constexpr int kMergeFilesOfNew = 32;
// Writes wait while so many do.
inline constexpr int kUnmergedFilesMax = 64;

// A release that counts otherwise, or lays the database out otherwise, has the
// next number; the types and fields of records are part of the format anyway.
// tests/aggregator/state_format_test.cc holds what each number stands for.
inline constexpr base::StoreFormat kStateFormat{"unified-database", 1};

// Large batches that come one behind the other.
enum class Burst { kNone, kOfNewRecords, kOfUpdates };

struct StateOptions {
  std::string directory;
  bool rebuild = false;  // forget what is there
  size_t ingest_puts = kIngestPuts;
};

// One thread writes.
class UnifiedState {
 public:
  // Made anew where another release made it, or one that knew other types of
  // records, and where it cannot be opened because it is damaged.
  // FAILED_PRECONDITION when it is of a newer format.
  static absl::StatusOr<std::unique_ptr<UnifiedState>> Open(
      const StateOptions& options);
  ~UnifiedState();

  rocksdb::DB* db() { return db_.get(); }
  size_t ingest_puts() const { return ingest_puts_; }
  std::unique_ptr<StateSnapshot> Snapshot() const;
  // Keys ascend and lie behind the position's. Visible at once, position
  // included, and after a crash either whole or, with all that came after it,
  // not at all.
  absl::Status Write(const std::vector<StatePut>& puts,
                     const Position& position);
  absl::Status Flush();
  // In a burst merging, which takes the processor from it, waits until more
  // lies there; after the burst it is made good. Any thread; costs nothing when
  // nothing changes.
  void SetBurst(Burst burst);
  // Changes while Write gets on, also while it waits for files that are being
  // merged. Any thread.
  uint64_t steps() const { return steps_; }

 private:
  UnifiedState(std::unique_ptr<rocksdb::DB> db, const StateOptions& options);
  static absl::StatusOr<std::unique_ptr<UnifiedState>> OpenOnce(
      const StateOptions& options);
  absl::Status Insert(const std::vector<StatePut>& puts,
                      const std::string& position);
  absl::Status Ingest(const std::vector<StatePut>& puts,
                      const std::string& position);
  absl::Status EmptyMemtable();
  absl::Status WaitForMerge();
  absl::Status WriteFiles(const std::vector<StatePut>& puts,
                          const std::string& position,
                          std::vector<std::string>* files);

  const std::unique_ptr<rocksdb::DB> db_;
  const std::string ingest_directory_;
  const size_t ingest_puts_;
  uint64_t next_file_ = 0;
  std::atomic<Burst> burst_ = Burst::kNone;
  std::atomic<uint64_t> steps_ = 0;
};

}  // namespace tongchou::aggregator
