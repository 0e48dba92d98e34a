#include "audit/replay.h"

#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <utility>

#include "audit/figures.h"
#include "audit/receipts.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/cosignature.h"
#include "common/records/record_key.h"

namespace tongchou::audit {
namespace {

constexpr size_t kThreads = 2;
// So long witnesses may take for the newest heads.
constexpr int64_t kQuorumMicros = 120 * base::kMicrosPerSecond;

uint32_t EndOfYearBefore(uint32_t day) {
  return (day / 10'000 - 1) * 10'000 + 1231;
}

// One city's log on its way through the check.
struct CityRun {
  const LogPolicy* policy = nullptr;
  WantedSizes wanted;
  std::unique_ptr<RecordSet> records;  // null: nothing is replayed
  OpeningStock opening;
  LogOutcome outcome;
  absl::Status status;
  Findings findings;
};

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

void PlanReplay(const ClaimedBasis& basis, uint32_t as_of,
                std::vector<CityRun>* runs) {
  for (CityRun& run : *runs) {
    const auto claim = basis.find(run.policy->city);
    const uint64_t size = claim == basis.end() ? 0 : claim->second.size;
    if (size > 0) run.wanted[size] = true;
    run.records =
        std::make_unique<RecordSet>(run.policy->city, ReplayLimit{size, as_of});
    run.records->AtEndOfDay(EndOfYearBefore(as_of),
                            [&run](const RecordSet& records) {
                              run.opening = ScanOpeningStock(records);
                            });
  }
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

absl::Status RunAll(const Archive& archive, const Policy& policy,
                    std::vector<CityRun>* runs, AuditSummary* summary,
                    Bodies bodies = Bodies::kComplete) {
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

// The sizes and roots on which an answer rests against the verified logs.
void CompareBasis(const ClaimedBasis& basis, std::string_view what,
                  const std::vector<CityRun>& runs, Findings* findings) {
  std::map<uint32_t, const CityRun*> by_city;
  for (const CityRun& run : runs) by_city[run.policy->city] = &run;
  for (const auto& [city, claim] : basis) {
    if (claim.size == 0) continue;
    const std::string place = fmt::format("{} basis of the {}", city, what);
    const auto run = by_city.find(city);
    if (run == by_city.end()) {
      findings->Add(place, "there is no log of this city");
      continue;
    }
    const LogOutcome& outcome = run->second->outcome;
    const auto root = outcome.roots.find(claim.size);
    if (root == outcome.roots.end()) {
      findings->Add(place,
                    fmt::format("rests on {} entries; {} of them are sound",
                                claim.size, outcome.size));
    } else if (root->second != claim.root) {
      findings->Add(place, fmt::format("names another root at size {} than the "
                                       "log has",
                                       claim.size));
    }
  }
}

// Claims may rest on less than the logs have by now, but not on nothing of one.
void FindLeftOut(const ClaimedBasis& basis, const std::vector<CityRun>& runs,
                 Findings* findings) {
  for (const CityRun& run : runs) {
    const auto claim = basis.find(run.policy->city);
    if (run.outcome.size == 0 ||
        (claim != basis.end() && claim->second.size > 0)) {
      continue;
    }
    findings->Add(fmt::format("{} basis of the figures", run.policy->city),
                  fmt::format("leaves out this city, whose log has {} entries; "
                              "if they have just begun, fetch again",
                              run.outcome.size));
  }
}

// A saved answer may show a part of the figures; a fetched one shows all.
enum class Extent { kShownFigures, kAllFigures };

void CompareFigures(const ClaimedFigures& claims, Extent extent,
                    const std::vector<CityRun>& runs, AuditSummary* summary) {
  std::vector<CityScan> cities;
  for (const CityRun& run : runs) {
    cities.push_back({run.records.get(), run.opening});
  }
  FigureTable figures = ComputeFigures(cities, claims.as_of, claims.on);
  const auto text = [](std::optional<int64_t> value) {
    return value.has_value() ? std::to_string(*value) : std::string("null");
  };
  const auto compare = [&](const FigureName& name,
                           std::optional<int64_t> claimed,
                           std::optional<int64_t> replayed) {
    ++summary->figures;
    if (claimed == replayed) return;
    summary->findings.Add(Describe(name), "the province says " + text(claimed) +
                                              ", the logs say " +
                                              text(replayed));
  };
  for (const auto& [name, value] : claims.figures) {
    const auto replayed = figures.find(name);
    compare(name, value, replayed == figures.end() ? 0 : replayed->second);
  }
  if (extent == Extent::kShownFigures) return;
  for (const auto& [name, value] : figures) {
    if (!claims.figures.contains(name)) compare(name, 0, value);
  }
  summary->as_of = claims.as_of;
  summary->computed = std::move(figures);
}

std::string RecordPlace(uint32_t city, std::string_view key) {
  const auto type = records::TypeOfKey(key);
  const records::RecordSchema* schema =
      type.has_value() ? records::Schema::Get().Find(*type) : nullptr;
  return fmt::format("{} {} {}", city,
                     schema == nullptr ? "record" : schema->name,
                     base::HexEncode(key));
}

// Every record that the province holds against the replayed ones; `seen`
// counts, so that missing ones show afterwards.
class RecordComparison {
 public:
  RecordComparison(const std::vector<CityRun>& runs, AuditSummary* summary)
      : summary_(*summary) {
    for (const CityRun& run : runs) {
      cities_[run.policy->city].records = run.records.get();
    }
  }

  void Take(const v1::StoredRecord& claim) {
    ++summary_.records;
    digest_.Update(fmt::format("{} {} {} ", claim.city(), claim.key().size(),
                               claim.record().size()));
    digest_.Update(claim.key()).Update(claim.record());
    City& city = cities_[claim.city()];
    const RecordMap* records =
        city.records == nullptr ? nullptr : &city.records->records();
    const auto found = records == nullptr ? RecordMap::const_iterator()
                                          : records->find(claim.key());
    if (records == nullptr || found == records->end() ||
        found->second.deleted) {
      return Differs(claim, "stands in the database and in no log");
    }
    if (!city.claimed.insert(claim.key()).second) {
      return Differs(claim, "stands in the database twice");
    }
    if (found->second.record != claim.record()) {
      return Differs(claim,
                     fmt::format("differs from entry {}, its last change",
                                 found->second.sequence));
    }
    if (found->second.sequence != claim.sequence()) {
      Differs(claim, fmt::format("names entry {} as its last change, but that "
                                 "is entry {}",
                                 claim.sequence(), found->second.sequence));
    }
  }

  void Finish() {
    summary_.records_digest = base::HexEncode(digest_.Finish().view());
    for (const auto& [code, city] : cities_) {
      if (city.records == nullptr) continue;
      for (const auto& [key, stored] : city.records->records()) {
        if (stored.deleted || city.claimed.contains(key)) continue;
        summary_.findings.Add(
            RecordPlace(code, key),
            fmt::format("is missing in the database; entry {} wrote it",
                        stored.sequence));
      }
    }
  }

 private:
  struct City {
    const RecordSet* records = nullptr;
    absl::flat_hash_set<std::string> claimed;
  };

  void Differs(const v1::StoredRecord& claim, std::string text) {
    summary_.findings.Add(RecordPlace(claim.city(), claim.key()),
                          std::move(text));
  }

  std::map<uint32_t, City> cities_;
  AuditSummary& summary_;
  base::Sha256Stream digest_;
};

absl::Status CompareRecords(const Archive& archive,
                            const std::vector<CityRun>& runs,
                            const ClaimedBasis& figures_basis,
                            AuditSummary* summary) {
  RecordComparison comparison(runs, summary);
  ASSIGN_OR_RETURN(
      const ClaimedBasis basis,
      ReadClaimedRecords(archive, [&](const v1::StoredRecord& record) {
        comparison.Take(record);
      }));
  for (const auto& [city, claim] : basis) {
    const auto other = figures_basis.find(city);
    if (other == figures_basis.end() || other->second.size != claim.size) {
      return base::FailedPreconditionError(
          "the saved records and figures rest on different sizes of the log "
          "of city {}; fetch again",
          city);
    }
  }
  comparison.Finish();
  CompareBasis(basis, "records", runs, &summary->findings);
  return absl::OkStatus();
}

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         start_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
};

}  // namespace

absl::StatusOr<AuditSummary> Verify(const Archive& archive,
                                    const Policy& policy, Bodies bodies) {
  const Stopwatch watch;
  AuditSummary summary;
  ASSIGN_OR_RETURN(std::vector<CityRun> runs, PlanRuns(archive, policy));
  RETURN_IF_ERROR(RunAll(archive, policy, &runs, &summary, bodies));
  summary.seconds = watch.seconds();
  return summary;
}

absl::StatusOr<AuditSummary> Replay(const Archive& archive,
                                    const Policy& policy) {
  const Stopwatch watch;
  AuditSummary summary;
  ASSIGN_OR_RETURN(const ClaimedFigures claims, ReadClaimedFigures(archive));
  ASSIGN_OR_RETURN(std::vector<CityRun> runs, PlanRuns(archive, policy));
  PlanReplay(claims.basis, claims.as_of, &runs);
  RETURN_IF_ERROR(RunAll(archive, policy, &runs, &summary));
  CompareBasis(claims.basis, "figures", runs, &summary.findings);
  FindLeftOut(claims.basis, runs, &summary.findings);
  RETURN_IF_ERROR(CompareRecords(archive, runs, claims.basis, &summary));
  CompareFigures(claims, Extent::kAllFigures, runs, &summary);
  summary.seconds = watch.seconds();
  return summary;
}

absl::StatusOr<AuditSummary> CheckAnswer(const Archive& archive,
                                         const Policy& policy,
                                         const ClaimedFigures& answer) {
  const Stopwatch watch;
  AuditSummary summary;
  ASSIGN_OR_RETURN(std::vector<CityRun> runs, PlanRuns(archive, policy));
  PlanReplay(answer.basis, answer.as_of, &runs);
  RETURN_IF_ERROR(RunAll(archive, policy, &runs, &summary));
  CompareBasis(answer.basis, "answer", runs, &summary.findings);
  CompareFigures(answer, Extent::kShownFigures, runs, &summary);
  summary.seconds = watch.seconds();
  return summary;
}

}  // namespace tongchou::audit
