#include "audit/city_run.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "audit/receipts.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/cosignature.h"

namespace tongchou::audit {
namespace {

constexpr size_t kThreads = 2;
// So long witnesses may take for the newest heads.
constexpr int64_t kQuorumMicros = 120 * base::kMicrosPerSecond;

uint32_t EndOfYearBefore(uint32_t day) {
  return (day / 10'000 - 1) * 10'000 + 1231;
}

void RunOne(const Archive& archive, const Policy& policy, Bodies bodies,
            CityRun* run) {
  EntryVisitor visit;
  if (run->records != nullptr) {
    visit = [run](const AuditedEntry& entry) { run->records->Take(entry); };
  }
  auto outcome =
      CheckLog(archive, *run->policy, &policy.witness, policy.synthetic_clock,
               run->wanted, visit, &run->findings, bodies);
  if (!outcome.ok()) {
    run->status = outcome.status();
    return;
  }
  run->outcome = *std::move(outcome);
  if (run->records != nullptr) run->records->Finish();
}

// The newest head of the province's log that enough witnesses cosigned.
absl::StatusOr<uint64_t> QuorumSize(const Archive& archive,
                                    const Policy& policy) {
  std::map<uint64_t, std::set<std::string>> signers;
  uint64_t newest = 0;
  const auto take = [&](std::string_view note) {
    const auto head = ledger::OpenCheckpoint(note, policy.own.key);
    if (!head.ok()) return absl::OkStatus();  // named elsewhere
    std::set<std::string>& names = signers[head->size];
    for (const ledger::VerifierKey& key : policy.witnesses) {
      if (ledger::VerifyCosignature(note, key).ok()) names.insert(key.name);
    }
    if (names.size() >= policy.quorum) newest = std::max(newest, head->size);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(ReadPieces(archive.checkpoints(kProvinceLog), take).status());
  return newest;
}

// Witnesses need a moment for the newest heads; everything older must have its
// quorum.
absl::Status CheckQuorum(const Archive& archive, const Policy& policy,
                         const LogOutcome& outcome, Findings* findings) {
  if (policy.quorum == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const uint64_t covered, QuorumSize(archive, policy));
  const auto next = outcome.commit_times.upper_bound(covered);
  if (next == outcome.commit_times.end() ||
      outcome.last_commit_time_us - next->second <= kQuorumMicros) {
    return absl::OkStatus();
  }
  findings->Add(fmt::format("{} entries {} to {}", LogName(kProvinceLog),
                            covered, outcome.size - 1),
                fmt::format("are covered by no head that {} witnesses cosigned",
                            policy.quorum));
  return absl::OkStatus();
}

// The province's own log comes first: what it says of the cities' logs is
// compared with them.
absl::Status RunOwn(const Archive& archive, const Policy& policy, Bodies bodies,
                    Receipts* receipts, AuditSummary* summary) {
  if (!archive.HasProvinceLog()) {
    if (bodies == Bodies::kRedacted) return absl::OkStatus();
    summary->findings.Add("province",
                          "its own log is not in the copy; fetch again");
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(
      const LogOutcome outcome,
      CheckLog(
          archive, policy.own, nullptr, policy.synthetic_clock, {},
          [&](const AuditedEntry& entry) { receipts->Take(entry); },
          &summary->findings, bodies));
  RETURN_IF_ERROR(CheckQuorum(archive, policy, outcome, &summary->findings));
  summary->withheld += outcome.withheld;
  summary->own = {kProvinceLog, outcome.size, outcome.checkpoints, outcome.root,
                  outcome.last_commit_time_us};
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<CityRun>> PlanRuns(const Archive& archive,
                                              const Policy& policy) {
  ASSIGN_OR_RETURN(const std::vector<uint32_t> cities, archive.Cities());
  if (cities.empty()) {
    return base::NotFoundError("the copy has no log; run fetch first");
  }
  std::vector<CityRun> runs;
  for (const uint32_t city : cities) {
    const auto known = policy.cities.find(city);
    if (known == policy.cities.end()) {
      return base::FailedPreconditionError(
          "there is a log of city {} but no key is pinned for it; add it to "
          "the policy",
          city);
    }
    runs.emplace_back().policy = &known->second;
  }
  return runs;
}

void PlanReplay(const ClaimedBasis* basis, uint32_t as_of,
                std::vector<CityRun>* runs) {
  for (CityRun& run : *runs) {
    uint64_t size = UINT64_MAX;
    if (basis != nullptr) {
      const auto claim = basis->find(run.policy->city);
      size = claim == basis->end() ? 0 : claim->second.size;
      if (size > 0) run.wanted[size] = true;
    }
    run.records =
        std::make_unique<RecordSet>(run.policy->city, ReplayLimit{size, as_of});
    run.records->AtEndOfDay(EndOfYearBefore(as_of),
                            [&run](const RecordSet& records) {
                              run.opening = ScanOpeningStock(records);
                            });
  }
}

absl::Status RunAll(const Archive& archive, const Policy& policy,
                    std::vector<CityRun>* runs, AuditSummary* summary,
                    Bodies bodies) {
  summary->synthetic_clock = policy.synthetic_clock;
  Receipts receipts(&summary->findings);
  RETURN_IF_ERROR(RunOwn(archive, policy, bodies, &receipts, summary));
  const bool compare = archive.HasProvinceLog();
  for (CityRun& run : *runs) receipts.Want(run.policy->city, &run.wanted);
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < runs->size(); i = next++) {
      RunOne(archive, policy, bodies, &(*runs)[i]);
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  for (const CityRun& run : *runs) {
    RETURN_IF_ERROR(run.status);
    summary->entries += run.outcome.size;
    summary->checkpoints += run.outcome.checkpoints;
    summary->withheld += run.outcome.withheld;
    summary->findings.Merge(run.findings);
    // What is wrong with a log needs no second finding.
    if (compare && run.findings.empty()) {
      receipts.Compare(run.policy->city, run.outcome, &summary->findings);
    }
    summary->logs.push_back({run.policy->city, run.outcome.size,
                             run.outcome.checkpoints, run.outcome.root,
                             run.outcome.last_commit_time_us});
    if (!run.outcome.unwitnessed.empty()) {
      summary->unwitnessed[run.policy->city] = run.outcome.unwitnessed;
    }
  }
  return absl::OkStatus();
}

}  // namespace tongchou::audit
