#include "audit/replay.h"

#include <utility>

#include "audit/city_run.h"
#include "audit/figures.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/records/record_key.h"

namespace tongchou::audit {
namespace {

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
    if (!city.claimed.insert(&found->second).second) {
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
        if (stored.deleted || city.claimed.contains(&stored)) continue;
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
    absl::flat_hash_set<const ReplayedRecord*> claimed;  // of `records`
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

// FAILED_PRECONDITION for a redacted copy. Such a copy has no claims, and none
// can be fetched for it; in one that has some a missing body is a discrepancy.
absl::Status CheckNotRedacted(const Archive& archive) {
  if (ReadClaimedFigures(archive).ok()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<uint32_t> cities, archive.Cities());
  ledger::Bundle bundle;
  for (const uint32_t city : cities) {
    bool withheld = false;
    const auto read =
        ReadPieces(archive.bundles(city), [&](std::string_view bytes) {
          RETURN_IF_ERROR(bundle.Decode(bytes));
          for (size_t i = 0; i < bundle.count() && !withheld; ++i) {
            withheld = !bundle.body(i).has_value();
          }
          return withheld ? absl::CancelledError() : absl::OkStatus();
        });
    if (!withheld) continue;
    return base::FailedPreconditionError(
        "bodies of {} are withheld in this copy: records and figures cannot be "
        "computed from it; verify --redacted checks what is left",
        LogName(city));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AuditSummary> Verify(const Archive& archive,
                                    const Policy& policy,
                                    const RunOptions& options) {
  const base::Stopwatch watch;
  AuditSummary summary;
  ASSIGN_OR_RETURN(std::vector<CityRun> runs, PlanRuns(archive, policy));
  RETURN_IF_ERROR(RunAll(archive, policy, &runs, &summary, options));
  summary.seconds = watch.seconds();
  return summary;
}

absl::StatusOr<AuditSummary> Replay(const Archive& archive,
                                    const Policy& policy) {
  const base::Stopwatch watch;
  AuditSummary summary;
  RETURN_IF_ERROR(CheckNotRedacted(archive));
  ASSIGN_OR_RETURN(const ClaimedFigures claims, ReadClaimedFigures(archive));
  ASSIGN_OR_RETURN(std::vector<CityRun> runs, PlanRuns(archive, policy));
  PlanReplay(&claims.basis, claims.as_of, &runs);
  RETURN_IF_ERROR(RunAll(archive, policy, &runs, &summary));
  CompareBasis(claims.basis, "figures", runs, &summary.findings);
  FindLeftOut(claims.basis, runs, &summary.findings);
  RETURN_IF_ERROR(CompareRecords(archive, runs, claims.basis, &summary));
  CompareFigures(claims, Extent::kAllFigures, runs, &summary);
  summary.seconds = watch.seconds();
  return summary;
}

absl::StatusOr<AuditSummary> ReplayAsOf(const Archive& archive,
                                        const Policy& policy,
                                        const ReplayPoint& point) {
  const base::Stopwatch watch;
  AuditSummary summary;
  RETURN_IF_ERROR(CheckNotRedacted(archive));
  ASSIGN_OR_RETURN(std::vector<CityRun> runs, PlanRuns(archive, policy));
  ClaimedBasis sizes;
  for (const CityRun& run : runs) {
    const uint32_t city = run.policy->city;
    sizes[city].size = city == point.city ? point.size : UINT64_MAX;
  }
  PlanReplay(&sizes, point.day, &runs);
  RETURN_IF_ERROR(RunAll(archive, policy, &runs, &summary));
  std::vector<CityScan> cities;
  for (const CityRun& run : runs) {
    if (run.policy->city == point.city && run.outcome.size < point.size) {
      return base::OutOfRangeError("the copy has {} entries of {:06}, not {}",
                                   run.outcome.size, point.city, point.size);
    }
    cities.push_back({run.records.get(), run.opening});
  }
  summary.as_of = point.day;
  summary.computed = ComputeFigures(cities, point.day, point.day);
  summary.seconds = watch.seconds();
  return summary;
}

absl::StatusOr<AuditSummary> CheckAnswer(const Archive& archive,
                                         const Policy& policy,
                                         const ClaimedFigures& answer) {
  const base::Stopwatch watch;
  AuditSummary summary;
  RETURN_IF_ERROR(CheckNotRedacted(archive));
  ASSIGN_OR_RETURN(std::vector<CityRun> runs, PlanRuns(archive, policy));
  PlanReplay(&answer.basis, answer.as_of, &runs);
  RETURN_IF_ERROR(RunAll(archive, policy, &runs, &summary));
  CompareBasis(answer.basis, "answer", runs, &summary.findings);
  CompareFigures(answer, Extent::kShownFigures, runs, &summary);
  summary.seconds = watch.seconds();
  return summary;
}

}  // namespace tongchou::audit
