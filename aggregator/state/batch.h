// A batch of changes on its way into the unified database, and the records
// around it: before the batch, with it, and as of earlier days.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "aggregator/state/arena.h"
#include "aggregator/state/row_filter.h"
#include "aggregator/state/unified_state.h"

namespace tongchou::aggregator {

// The last change of a record within a batch. Views live as long as the
// batch's arena.
struct Change {
  std::string_view row_key;
  std::string_view value;  // of the row
  uint32_t city = 0;
  uint32_t type = 0;  // 0: not understood
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
  // The version that entry `sequence` of the city's log wrote; its record lies
  // in the arena.
  virtual absl::StatusOr<RecordVersion> ReadVersion(uint32_t city,
                                                    uint64_t sequence,
                                                    Arena* arena) = 0;
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

// One batch as one thread looks at it; not thread-safe. Several may look at the
// same changes as long as each sets those of its own persons. Versions that it
// returns live as long as the arena.
class Batch {
 public:
  // `changes`, which outlive it, in the order of their row keys, one a record.
  // Each city has one commit day. `known` may be null.
  Batch(std::span<Change> changes, Arena* arena, const StateSnapshot* snapshot,
        PastReader* past, const RowFilter* known);

  // Reads the versions before the batch, but for records that begin with their
  // person and count in figures: whoever reads the person's rows sets those.
  // Calls `step` now and then.
  absl::Status Load(const std::function<void()>& step);
  void SetBefore(size_t index, const RecordVersion& version) {
    changes_[index].before = version;
  }

  // Sorted by row key.
  std::span<const Change> changes() const { return changes_; }
  const Change* Find(std::string_view row_key) const;
  // Changes whose row key has the prefix, at or behind `from`.
  std::pair<size_t, size_t> RangeOf(std::string_view prefix,
                                    size_t from = 0) const;

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

  // False when the database has no rows of that person and type for certain.
  bool MayHaveRows(std::string_view person_type_prefix) const {
    return known_ == nullptr || known_->MayHave(person_type_prefix);
  }
  // It will be asked before long.
  void ExpectRows(std::string_view person_type_prefix) const {
    if (known_ != nullptr) known_->Expect(person_type_prefix);
  }
  // A version with its record in the arena, and a row key likewise.
  absl::StatusOr<RecordVersion> Keep(std::string_view stored_version);
  std::string_view KeepKey(std::string_view row_key) {
    return arena_.Copy(row_key);
  }

  const StateSnapshot& snapshot() const { return snapshot_; }

 private:
  absl::StatusOr<std::optional<RecordVersion>> Stored(
      std::string_view record_key, uint32_t city);

  const std::span<Change> changes_;
  Arena& arena_;
  const StateSnapshot& snapshot_;
  PastReader& past_;
  const RowFilter* known_;
  std::string bytes_;
};

}  // namespace tongchou::aggregator
