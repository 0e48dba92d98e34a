// Rebuilds records and figures from the logs alone and compares them with what
// the province claims.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "audit/archive.h"
#include "audit/claims.h"
#include "audit/figures.h"
#include "audit/findings.h"
#include "audit/log_check.h"
#include "audit/policy.h"
#include "audit/record_set.h"

namespace tongchou::audit {

struct AuditedLog {
  uint32_t city = 0;
  uint64_t entries = 0;
  uint64_t checkpoints = 0;
  uint64_t withheld = 0;
  base::Hash root;
  int64_t last_commit_time_us = 0;
  // As in LogOutcome.
  uint64_t signed_size = 0;
  SignedUpTo held;
  SignedUpTo witnessed;
  uint64_t resumed_size = 0;
  int64_t resumed_us = 0;
};

struct AuditSummary {
  uint64_t entries = 0;
  uint64_t checkpoints = 0;
  uint64_t withheld = 0;  // bodies, of a redacted copy
  uint64_t records = 0;   // compared with the province's
  uint64_t figures = 0;   // likewise
  // SHA-256 over city, key and record of every record, in their order; empty
  // when no records were compared.
  std::string records_digest;
  double seconds = 0;
  bool synthetic_clock = false;  // times were not held against cosignatures
  bool has_witnesses = false;    // the policy names some
  // When it was made, for ages; microseconds since 1970 UTC, 0 = unknown.
  int64_t made_us = 0;
  // Whether what was proved could be left beside the copy; no part of the
  // verdict.
  absl::Status left;
  std::map<uint32_t, std::vector<UnwitnessedRange>> unwitnessed;  // by city
  std::vector<AuditedLog> logs;                                   // by city
  AuditedLog own;        // the province's own log
  uint32_t as_of = 0;    // of the figures
  FigureTable computed;  // from the logs; of Replay only
  Findings findings;

  Verdict verdict() const {
    return findings.empty() ? Verdict::kClean : Verdict::kDiscrepancy;
  }
};

// How the logs are checked.
struct RunOptions {
  Bodies bodies = Bodies::kComplete;
  // Goes on behind what was left beside the copy.
  bool resume = false;
  // Leaves beside the copy what was proved; microseconds since 1970 UTC, 0 =
  // leaves nothing.
  int64_t leave_us = 0;
  // On the way, after so many entries at the earliest.
  uint64_t keep_entries_min = kKeepEntriesMin;
  Progress* progress = nullptr;  // null: nobody waits
};

// All logs of the copy, hashes, heads and links only. Cities are checked by
// two threads. NOT_FOUND when the copy has no log; FAILED_PRECONDITION when it
// has one of a city without a pinned key. A redacted copy shows integrity, no
// figures. Goes on behind an earlier verification, or leaves what was proved,
// only where the options say so (verified_log.h).
absl::StatusOr<AuditSummary> Verify(const Archive& archive,
                                    const Policy& policy,
                                    const RunOptions& options = {});

// Verify, then records from zero and every figure a second time, compared with
// the claims that fetch saved.
absl::StatusOr<AuditSummary> Replay(const Archive& archive,
                                    const Policy& policy);

// Up to where the logs are replayed.
struct ReplayPoint {
  uint32_t day = 0;   // commit day, inclusive; figures are of this day
  uint32_t city = 0;  // with size: so many entries of this city's log,
  uint64_t size = 0;  // all of the others'
};

// Verify, then every figure as of a day out of the logs alone, into `computed`:
// for days of which nobody has kept the province's answer. OUT_OF_RANGE when
// the copy has fewer entries.
absl::StatusOr<AuditSummary> ReplayAsOf(const Archive& archive,
                                        const Policy& policy,
                                        const ReplayPoint& point);

// Derives a saved answer again from the logs up to the sizes on which it
// rests.
absl::StatusOr<AuditSummary> CheckAnswer(const Archive& archive,
                                         const Policy& policy,
                                         const ClaimedFigures& answer);

}  // namespace tongchou::audit
