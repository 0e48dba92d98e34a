// One pass over the copy of one city's log: every hash, body, number, time,
// link to the previous change and every signed head.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "audit/archive.h"
#include "audit/findings.h"
#include "audit/policy.h"
#include "common/base/sha256.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::audit {

// An entry as it passes by; the messages live during the call only.
struct AuditedEntry {
  const v1::EntryHeader& header;
  const v1::EntryBody& body;
  std::string_view header_bytes;
  std::string_view body_bytes;
};
using EntryVisitor = std::function<void(const AuditedEntry&)>;

// An entry may name a time so many seconds behind the cosignature that covers
// it: clocks differ.
inline constexpr int64_t kCosignedTimeTolerance = 120;
// Entries that the province saw so many seconds after the time that they name
// are shown: nobody can say whether they were there before.
inline constexpr int64_t kContactSeconds = 3'600;

// Entries [first, end) that were seen late.
struct UnwitnessedRange {
  uint64_t first = 0;
  uint64_t end = 0;
  int64_t seconds = 0;  // the longest delay
};

// Whether the copy was given away with bodies withheld.
enum class Bodies { kComplete, kRedacted };

struct LogOutcome {
  uint64_t size = 0;  // entries read and hashed
  base::Hash root;    // over them
  int64_t last_commit_time_us = 0;
  uint64_t checkpoints = 0;  // signed heads compared
  uint64_t withheld = 0;     // bodies, of a redacted copy
  // Roots at all sizes that a head or the caller names.
  std::map<uint64_t, base::Hash> roots;
  std::map<uint64_t, int64_t> commit_times;  // of the entry before each size
  std::vector<UnwitnessedRange> unwitnessed;
};

// Sizes at which the caller wants the root, besides those of the heads.
using WantedSizes = std::map<uint64_t, bool>;

// `witness` cosigns every head; null for a log that has no such witness, the
// province's own. Times are held against those of the cosignatures unless the
// log's clock is synthetic. A missing body is a finding unless the copy is a
// redacted one; of that only the present bodies' links can be judged, and less
// strictly: who knows what a withheld one changed. What is wrong with the log
// goes to `findings` with the entry or bundle it is about; checking of this log
// then ends where nothing behind can be judged. An error means that the copy
// could not be read at all.
absl::StatusOr<LogOutcome> CheckLog(
    const Archive& archive, const LogPolicy& city,
    const ledger::VerifierKey* witness, bool synthetic_clock,
    const WantedSizes& wanted, const EntryVisitor& visit, Findings* findings,
    Bodies bodies = Bodies::kComplete);

}  // namespace tongchou::audit
