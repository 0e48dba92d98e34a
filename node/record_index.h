// What the sequencer knows of the past: for every record the sequence of its
// last change, whether that deleted it, and a fingerprint of its content.
//
// In memory, complete up to kIndexEntriesMax; beyond that what was used last, a
// cache before the state database, with a filter (12 bits a record) that says
// of new records, the most of a load, that they need no read. The state
// database is derived: a thread of its own adds to it sorted files of many
// changes each, and it is rolled forward from the log at every start. Layout:
//
//   record key -> sequence (u64) deleted (u8) fingerprint (u64) division (u32)
//   00         -> size of the log that it reflects (u64), sum of the sequences
//                 above (u64)
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/base/store_format.h"
#include "common/ledger/log_store.h"
#include "common/records/row.h"

namespace tongchou::node {

// About 54 bytes each. Of a cache that is full the half that was not used
// lately is forgotten.
inline constexpr size_t kIndexEntriesMax = 5'000'000;
// Room for so many is taken at the start.
inline constexpr size_t kIndexEntriesAtStart = 100'000;
// Changes of one file, and what its last commit has beyond; at most two files'
// worth are rolled forward at a start.
inline constexpr size_t kStateFileEntries = 262'144;

// Records whose past is fetched while those before them are written.
inline constexpr size_t kPrefetchAhead = 8;

inline constexpr base::StoreFormat kIndexFormat{"record-index", 1};

struct RecordState {
  uint64_t sequence = 0;
  bool deleted = false;
  uint64_t fingerprint = 0;
  uint32_t division = 0;  // only from Scan
};

// XXH3 over the record: tells changed content from unchanged; nothing is proved
// by it.
uint64_t Fingerprint(std::string_view record);

// AAB301 of a record; 0 = none. `scratch` keeps its memory between calls.
// DATA_LOSS when the bytes are no record of a type that has one.
absl::StatusOr<uint32_t> DivisionOf(uint32_t type, std::string_view record,
                                    records::Row* scratch);

struct RecordIndexOptions {
  std::string directory;
  bool rebuild = false;  // forget the state and read the whole log
  size_t entries_max = kIndexEntriesMax;
};

// Thread-safe; Put and Committed are called by one thread.
class RecordIndex {
 public:
  // Returns when it reflects the whole log. Made anew from it where another
  // release made it, or one that knew other types of records, and where it is
  // not what was written. FAILED_PRECONDITION when it is of a newer format,
  // DATA_LOSS when the log cannot be read.
  static absl::StatusOr<std::unique_ptr<RecordIndex>> Open(
      const RecordIndexOptions& options, const ledger::LogStore& log);
  virtual ~RecordIndex() = default;

  virtual absl::StatusOr<std::optional<RecordState>> Find(
      std::string_view key) = 0;
  // They will be asked for soon, `count` keys in any order: those that have to
  // be read are read in one go, in the order in which they are stored.
  virtual absl::Status ReadAhead(
      size_t count, absl::FunctionRef<std::string_view(size_t)> key) = 0;
  // It will be asked for behind kPrefetchAhead others.
  virtual void Prefetch(std::string_view key) const = 0;
  // Changes of a commit on its way; Undo takes back what was put since the
  // last Committed. An error once the state could not be written, of another
  // cause than a full disk: the log would outrun what is known of it.
  virtual absl::Status Put(std::string_view key, const RecordState& state) = 0;
  // About so many records will be known: takes the memory at once.
  virtual void Expect(size_t records) = 0;
  virtual void Undo() = 0;
  // They are fsynced; the log has this size now. Waits when the state database
  // is too far behind.
  virtual void Committed(uint64_t log_size) = 0;

  // Every record, deleted ones too, by key, as of all that is committed.
  // Nothing may be put meanwhile.
  virtual absl::Status Scan(
      const std::function<void(std::string_view key, const RecordState&)>&
          visit) = 0;
  // Records that are not deleted.
  virtual uint64_t live_records() const = 0;
  // Waits until the state database has everything.
  virtual absl::Status Flush() = 0;
};

}  // namespace tongchou::node
