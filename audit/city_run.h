// The logs of a copy on their way through the check: what verify, replay and
// trace have in common.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "audit/claims.h"
#include "audit/figures.h"
#include "audit/log_check.h"
#include "audit/record_set.h"
#include "audit/replay.h"

namespace tongchou::audit {

// One city's log on its way through the check.
struct CityRun {
  const LogPolicy* policy = nullptr;
  WantedSizes wanted;
  std::unique_ptr<RecordSet> records;  // null: nothing is replayed
  OpeningStock opening;
  LogOutcome outcome;
  absl::Status status;
  absl::Status left;  // whether what was proved could be left
  Findings findings;
};

// One for each city of the copy. NOT_FOUND when there is none;
// FAILED_PRECONDITION when no key is pinned for one.
absl::StatusOr<std::vector<CityRun>> PlanRuns(const Archive& archive,
                                              const Policy& policy);

// They will rebuild their records up to the sizes of the basis (all entries
// where `basis` is null) and the end of the day.
void PlanReplay(const ClaimedBasis* basis, uint32_t as_of,
                std::vector<CityRun>* runs);

// The province's own log, then the cities' by two threads; what was found goes
// to the summary.
absl::Status RunAll(const Archive& archive, const Policy& policy,
                    std::vector<CityRun>* runs, AuditSummary* summary,
                    const RunOptions& options = {});

}  // namespace tongchou::audit
