// Rebuilds records and figures from the logs alone and compares them with what
// the province claims.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
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
  base::Hash root;
  int64_t last_commit_time_us = 0;
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

// All logs of the copy, hashes, heads and links only. Cities are checked by
// two threads. NOT_FOUND when the copy has no log; FAILED_PRECONDITION when it
// has one of a city without a pinned key. A redacted copy shows integrity, no
// figures.
absl::StatusOr<AuditSummary> Verify(const Archive& archive,
                                    const Policy& policy,
                                    Bodies bodies = Bodies::kComplete);

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
