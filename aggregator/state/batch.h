// Changes on their way into the unified database, and how records look before
// and after them, now or as of a past day.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "aggregator/state/unified_state.h"

namespace tongchou::aggregator {

struct Change {
  std::string row_key;  // 'R' record key, city
  uint32_t city = 0;
  uint32_t type = 0;
  RecordVersion after;
  std::optional<RecordVersion> before;  // see Batch::Load

  std::string_view record_key() const {
    return ParseRowKey(row_key).record_key;
  }
};

// Past versions of records, out of the journal.
class PastReader {
 public:
  virtual ~PastReader() = default;
  // The version that entry `sequence` of the city's log wrote.
  virtual absl::StatusOr<RecordVersion> ReadVersion(uint32_t city,
                                                    uint64_t sequence) = 0;
};

inline constexpr uint32_t kNow = 0xffffffff;

// From where records are looked at.
struct Perspective {
  bool after = false;   // with the batch
  uint32_t day = kNow;  // as of the end of this commit day
  // Takes the first later commit day on which something that was looked at
  // changed; may be null.
  uint32_t* next_change = nullptr;
};

// Not thread-safe; one batch.
class Batch {
 public:
  // `changes` in the order of their commits; the last one of a record counts.
  // Each city has one commit day.
  Batch(std::vector<Change> changes, const StateSnapshot* snapshot,
        PastReader* past);

  // Reads the versions before the batch, but for records that begin with their
  // person and count in figures: whoever reads the person's rows sets those.
  absl::Status Load();
  void SetBefore(size_t index, RecordVersion version) {
    changes_[index].before = std::move(version);
  }

  const std::vector<Change>& changes() const { return changes_; }
  const Change* Find(std::string_view row_key) const;
  // Changes whose row key has the prefix.
  std::pair<size_t, size_t> RangeOf(std::string_view prefix) const;

  // Deleted records too; nullopt: there never was one.
  absl::StatusOr<std::optional<RecordVersion>> Read(std::string_view record_key,
                                                    uint32_t city,
                                                    const Perspective& from);
  // The same for a record whose newest version is known.
  absl::StatusOr<std::optional<RecordVersion>> Rewind(
      std::optional<RecordVersion> version, uint32_t city,
      const Perspective& from);

  // Row keys with the prefix, in the database or in the batch, sorted.
  absl::StatusOr<std::vector<std::string>> RowKeys(std::string_view prefix);

  const StateSnapshot& snapshot() const { return snapshot_; }

 private:
  std::vector<Change> changes_;  // sorted by row key
  const StateSnapshot& snapshot_;
  PastReader& past_;
};

}  // namespace tongchou::aggregator
