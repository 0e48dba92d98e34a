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
#include "audit/last_changes.h"
#include "audit/policy.h"
#include "audit/progress.h"
#include "common/base/sha256.h"
#include "tongchou/v1/ledger.pb.h"
#include "tongchou/v1/verified_log.pb.h"

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

// So long witnesses may take for the newest heads.
inline constexpr int64_t kQuorumSeconds = 120;

// Between two notes of what was proved so far lie at least so many entries, and
// as many as the log has records, so that they cost less than the check.
inline constexpr uint64_t kKeepEntriesMin = 1 << 20;

// Entries [first, end) that were seen late.
struct UnwitnessedRange {
  uint64_t first = 0;
  uint64_t end = 0;
  int64_t seconds = 0;  // the longest delay
};

// Whether the copy was given away with bodies withheld.
enum class Bodies { kComplete, kRedacted };

// Up to where somebody has signed the log, and when.
struct SignedUpTo {
  uint64_t size = 0;
  uint64_t seconds = 0;  // since 1970; 0 = nobody
};

struct LogOutcome {
  uint64_t size = 0;  // entries read and hashed
  base::Hash root;    // over them
  int64_t last_commit_time_us = 0;
  uint64_t checkpoints = 0;  // signed heads compared
  uint64_t withheld = 0;     // bodies, of a redacted copy
  uint64_t signed_size = 0;  // newest head of the log's owner
  SignedUpTo held;           // cosigned by the province
  SignedUpTo witnessed;      // by the quorum, or one witness where it is 0
  // Entries that an earlier check had read, and when that was; 0 = none.
  uint64_t resumed_size = 0;
  int64_t resumed_us = 0;
  // Roots at all sizes that a head or the caller names.
  std::map<uint64_t, base::Hash> roots;
  std::map<uint64_t, int64_t> commit_times;  // of the entry before each size
  std::vector<UnwitnessedRange> unwitnessed;
};

// Sizes at which the caller wants the root, besides those of the heads.
using WantedSizes = std::map<uint64_t, bool>;

// What was proved of a log, as far as going on needs it.
struct VerifiedPart {
  v1::VerifiedLog facts;
  LastChanges changes;
};

// Everything but the copy and the policy.
struct LogCheckOptions {
  Bodies bodies = Bodies::kComplete;
  WantedSizes wanted;
  EntryVisitor visit;
  // Goes on behind this part, which is used up; null = from the first entry.
  VerifiedPart* resume = nullptr;
  // Is given what was proved, between bundles and at the end, as long as
  // nothing was found. `terms` and `verified_us` are left to it.
  std::function<void(v1::VerifiedLog facts, const LastChanges& changes)> keep;
  // After so many entries at the earliest.
  uint64_t keep_entries_min = kKeepEntriesMin;
  Progress* progress = nullptr;  // null: nobody waits
};

// The province cosigns every head of a city. Times are held against those of
// the cosignatures unless the log's clock is synthetic. Where the policy has a
// quorum for the log, so many witnesses must have cosigned it, all but its last
// two minutes. A missing body is a finding unless the copy is a redacted one;
// of that only the present bodies' links can be judged, and less strictly: who
// knows what a withheld one changed. What is wrong with the log goes to
// `findings` with the entry or bundle it is about; checking of this log then
// ends where nothing behind can be judged. An error means that the copy could
// not be read at all; FAILED_PRECONDITION, that it has got heads within the
// part that is not read again.
absl::StatusOr<LogOutcome> CheckLog(const Archive& archive,
                                    const Policy& policy, const LogPolicy& log,
                                    const LogCheckOptions& options,
                                    Findings* findings);

}  // namespace tongchou::audit
