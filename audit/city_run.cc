#include "audit/city_run.h"

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "audit/receipts.h"
#include "audit/verified_log.h"
#include "common/base/status.h"

namespace tongchou::audit {
namespace {

constexpr size_t kThreads = 2;
uint32_t EndOfYearBefore(uint32_t day) {
  return (day / 10'000 - 1) * 10'000 + 1231;
}

// One log with what an earlier verification left of it, and what this one
// leaves.
class LogRun {
 public:
  LogRun(const Archive& archive, const Policy& policy,
         const RunOptions& options)
      : archive_(archive), policy_(policy), options_(options) {
    check.bodies = options.bodies;
    check.progress = options.progress;
    check.keep_entries_min = options.keep_entries_min;
  }

  // Before Run: reads what was left, if that is wanted.
  absl::Status Load(const LogPolicy& log) {
    if (!options_.resume) return absl::OkStatus();
    ASSIGN_OR_RETURN(part_,
                     LoadVerified(archive_, log.city,
                                  VerifiedTerms(policy_, options_.bodies)));
    if (!part_.has_value()) return absl::OkStatus();
    check.resume = &*part_;
    if (options_.progress != nullptr) {
      options_.progress->Skip(part_->facts.bundles().bytes());
    }
    return absl::OkStatus();
  }
  absl::StatusOr<LogOutcome> Run(const LogPolicy& log, Findings* findings) {
    if (options_.leave_us != 0) {
      check.keep = [&](v1::VerifiedLog facts, const LastChanges& changes) {
        Keep(log.city, std::move(facts), changes);
      };
    }
    auto outcome = CheckLog(archive_, policy_, log, check, findings);
    if (options_.leave_us != 0 && !findings->empty()) {
      left_.Update(ForgetVerified(archive_, log.city));
    }
    return outcome;
  }
  // What the log's owner adds to what is left.
  std::function<void(v1::VerifiedLog*)> add;
  LogCheckOptions check;
  const VerifiedPart* part() const { return check.resume; }
  // Whether it could be left; the outcome does not depend on it.
  const absl::Status& left() const { return left_; }

 private:
  void Keep(uint32_t city, v1::VerifiedLog facts, const LastChanges& changes) {
    facts.set_terms(
        std::string(VerifiedTerms(policy_, options_.bodies).view()));
    facts.set_verified_us(options_.leave_us);
    if (add) add(&facts);
    left_.Update(SaveVerified(archive_, city, std::move(facts), changes));
  }

  const Archive& archive_;
  const Policy& policy_;
  const RunOptions& options_;
  std::optional<VerifiedPart> part_;
  absl::Status left_;
};

absl::Status RunOne(const Archive& archive, const Policy& policy,
                    const RunOptions& options, CityRun* run) {
  LogRun log(archive, policy, options);
  log.check.wanted = run->wanted;
  if (run->records != nullptr) {
    log.check.visit = [run](const AuditedEntry& entry) {
      run->records->Take(entry);
    };
  }
  RETURN_IF_ERROR(log.Load(*run->policy));
  ASSIGN_OR_RETURN(run->outcome, log.Run(*run->policy, &run->findings));
  run->left = log.left();
  if (run->records != nullptr) run->records->Finish();
  return absl::OkStatus();
}

AuditedLog Audited(uint32_t city, const LogOutcome& outcome) {
  AuditedLog log;
  log.city = city;
  log.entries = outcome.size;
  log.checkpoints = outcome.checkpoints;
  log.withheld = outcome.withheld;
  log.root = outcome.root;
  log.last_commit_time_us = outcome.last_commit_time_us;
  log.signed_size = outcome.signed_size;
  log.held = outcome.held;
  log.witnessed = outcome.witnessed;
  log.resumed_size = outcome.resumed_size;
  log.resumed_us = outcome.resumed_us;
  return log;
}

// The province's own log comes first: what it says of the cities' logs is
// compared with them.
absl::Status RunOwn(const Archive& archive, const Policy& policy,
                    const RunOptions& options, Receipts* receipts,
                    AuditSummary* summary) {
  if (!archive.HasProvinceLog()) {
    if (options.bodies == Bodies::kRedacted) return absl::OkStatus();
    summary->findings.Add("province",
                          "its own log is not in the copy; fetch again");
    return absl::OkStatus();
  }
  LogRun log(archive, policy, options);
  log.check.visit = [&](const AuditedEntry& entry) { receipts->Take(entry); };
  log.add = [&](v1::VerifiedLog* facts) { receipts->SaveTo(facts); };
  RETURN_IF_ERROR(log.Load(policy.own));
  if (log.part() != nullptr) {
    RETURN_IF_ERROR(receipts->Restore(log.part()->facts));
  }
  ASSIGN_OR_RETURN(const LogOutcome outcome,
                   log.Run(policy.own, &summary->findings));
  summary->left = log.left();
  summary->withheld += outcome.withheld;
  summary->own = Audited(kProvinceLog, outcome);
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
                    const RunOptions& options) {
  summary->synthetic_clock = policy.synthetic_clock;
  summary->has_witnesses = !policy.witnesses.empty();
  Receipts receipts(&summary->findings);
  RETURN_IF_ERROR(RunOwn(archive, policy, options, &receipts, summary));
  const bool compare = archive.HasProvinceLog();
  for (CityRun& run : *runs) receipts.Want(run.policy->city, &run.wanted);
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < runs->size(); i = next++) {
      CityRun& run = (*runs)[i];
      run.status = RunOne(archive, policy, options, &run);
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  for (const CityRun& run : *runs) {
    RETURN_IF_ERROR(run.status);
    summary->left.Update(run.left);
    summary->entries += run.outcome.size;
    summary->checkpoints += run.outcome.checkpoints;
    summary->withheld += run.outcome.withheld;
    summary->findings.Merge(run.findings);
    // What is wrong with a log needs no second finding.
    if (compare && run.findings.empty()) {
      RETURN_IF_ERROR(
          receipts.Compare(run.policy->city, run.outcome, &summary->findings));
    }
    summary->logs.push_back(Audited(run.policy->city, run.outcome));
    if (!run.outcome.unwitnessed.empty()) {
      summary->unwitnessed[run.policy->city] = run.outcome.unwitnessed;
    }
  }
  return absl::OkStatus();
}

}  // namespace tongchou::audit
