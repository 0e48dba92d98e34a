#include "audit/trace.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "audit/city_run.h"
#include "audit/city_scan.h"
#include "audit/copied_tree.h"
#include "audit/log_keys.h"
#include "audit/report.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/cosignature.h"
#include "common/ledger/tlog_proof.h"
#include "common/records/record_key.h"

namespace tongchou::audit {
namespace {

constexpr size_t kRecordsShown = 20;

// The newest head of the log that the province cosigned.
struct CosignedHead {
  uint64_t size = 0;
  std::string note;
};

absl::StatusOr<CosignedHead> NewestCosigned(const Archive& archive,
                                            const Policy& policy,
                                            const LogPolicy& log) {
  CosignedHead newest;
  ASSIGN_OR_RETURN(const CopiedKeys copied, ReadLogKeys(archive, log));
  const auto take = [&](std::string_view note) {
    const auto head = copied.keys.Open(note);
    if (head.ok() && head->size >= newest.size &&
        ledger::VerifyCosignature(note, policy.witness).ok()) {
      newest = {head->size, std::string(note)};
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(ReadPieces(archive.checkpoints(log.city), take).status());
  return newest;
}

// Leaf data of the entries, as the tree hashes it.
absl::StatusOr<std::map<uint64_t, std::string>> LeafData(
    const Archive& archive, uint32_t city, const std::set<uint64_t>& entries) {
  std::map<uint64_t, std::string> leaves;
  ledger::Bundle bundle;
  const auto take = [&](std::string_view bytes) -> absl::Status {
    ASSIGN_OR_RETURN(const ledger::BundleRange range,
                     ledger::PeekBundle(bytes));
    auto entry = entries.lower_bound(range.first_sequence);
    if (entry == entries.end() || *entry >= range.end()) {
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(bundle.Decode(bytes));
    for (; entry != entries.end() && *entry < range.end(); ++entry) {
      const size_t i = *entry - range.first_sequence;
      leaves[*entry] = std::string(bundle.header(i)) +
                       std::string(bundle.body_hash(i).view());
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(ReadPieces(archive.bundles(city), take).status());
  return leaves;
}

// Proofs of one city's records into the directory.
absl::Status ProveCity(const Archive& archive, const Policy& policy,
                       uint32_t city, const std::string& directory,
                       std::vector<TracedRecord>* records) {
  std::set<uint64_t> entries;
  for (const TracedRecord& one : *records) {
    if (one.city == city) entries.insert(one.sequence);
  }
  ASSIGN_OR_RETURN(const CosignedHead head,
                   NewestCosigned(archive, policy, policy.cities.at(city)));
  ASSIGN_OR_RETURN(const CopiedTree tree,
                   CopiedTree::Read(archive, city, head.size, entries));
  ASSIGN_OR_RETURN(const auto leaves, LeafData(archive, city, entries));
  for (TracedRecord& one : *records) {
    if (one.city != city) continue;
    if (one.sequence >= head.size) {
      return base::DataLossError("{} entry {}: no cosigned head covers it",
                                 LogName(city), one.sequence);
    }
    const std::string name =
        fmt::format("{}/{}-{}", directory, LogName(city), one.sequence);
    ASSIGN_OR_RETURN(ledger::Proof proof, tree.Inclusion(one.sequence));
    one.proof = name + ".tlog-proof";
    RETURN_IF_ERROR(base::WriteFileDurably(
        one.proof,
        ledger::FormatTlogProof({one.sequence, std::move(proof), head.note})));
    RETURN_IF_ERROR(
        base::WriteFileDurably(name + ".entry", leaves.at(one.sequence)));
  }
  return absl::OkStatus();
}

std::vector<TracedRecord> Follow(const std::vector<CityRun>& runs,
                                 const ClaimedFigures& claims,
                                 FigureTrace* trace) {
  TraceRequest request{trace->figure, {}};
  Emissions emissions;
  emissions.trace = &request;
  for (const CityRun& run : runs) {
    ScanCity(*run.records, claims.as_of, claims.on, &emissions);
  }
  std::set<std::pair<uint32_t, uint64_t>> seen;
  std::vector<TracedRecord> records;
  for (const auto& [city, source] : request.found) {
    const auto& [key, stored] = *source;
    if (!seen.emplace(city, stored.sequence).second) continue;
    if (records.size() == kTracedRecordsMax) continue;
    const auto* schema =
        records::Schema::Get().Find(records::TypeOfKey(key).value_or(0));
    records.push_back({city, schema == nullptr ? "record" : schema->name, key,
                       stored.sequence, ""});
  }
  trace->records_total = seen.size();
  std::sort(records.begin(), records.end(), [](const auto& a, const auto& b) {
    return std::pair(a.city, a.sequence) < std::pair(b.city, b.sequence);
  });
  return records;
}

}  // namespace

absl::StatusOr<FigureTrace> TraceFigure(const Archive& archive,
                                        const Policy& policy,
                                        const FigureName& figure,
                                        const std::string& directory) {
  ASSIGN_OR_RETURN(const ClaimedFigures claims, ReadClaimedFigures(archive));
  ASSIGN_OR_RETURN(std::vector<CityRun> runs, PlanRuns(archive, policy));
  PlanReplay(&claims.basis, claims.as_of, &runs);
  AuditSummary summary;
  RETURN_IF_ERROR(RunAll(archive, policy, &runs, &summary));
  FigureTrace trace;
  trace.figure = figure;
  trace.findings = summary.findings;
  if (!trace.findings.empty()) return trace;
  std::vector<CityScan> cities;
  for (const CityRun& run : runs) {
    cities.push_back({run.records.get(), run.opening});
  }
  const FigureTable table = ComputeFigures(cities, claims.as_of, claims.on);
  auto found = table.find(trace.figure);
  for (const uint32_t day : {claims.as_of, claims.on}) {
    if (found != table.end() || figure.period != 0) break;
    trace.figure.period = day;
    found = table.find(trace.figure);
  }
  if (found == table.end()) {
    return base::NotFoundError(
        "there is no figure {}; name id, city, county, insurance and period as "
        "tongchou indicators shows them",
        Describe(figure));
  }
  trace.value = found->second;
  trace.records = Follow(runs, claims, &trace);
  RETURN_IF_ERROR(base::MakeDirectories(directory));
  std::set<uint32_t> codes;
  for (const TracedRecord& one : trace.records) codes.insert(one.city);
  for (const uint32_t city : codes) {
    RETURN_IF_ERROR(
        ProveCity(archive, policy, city, directory, &trace.records));
  }
  return trace;
}

std::string FormatText(const FigureTrace& trace) {
  if (!trace.findings.empty()) {
    std::string text = "the copy is not sound, nothing is traced\n";
    for (const Finding& one : trace.findings.kept()) {
      text += one.place + ": " + one.text + "\n";
    }
    return text;
  }
  std::string text = fmt::format(
      "figure   {}\nvalue    {}\nrecords  {}\n", Describe(trace.figure),
      trace.value.has_value() ? std::to_string(*trace.value) : "null",
      trace.records_total);
  for (size_t i = 0; i < trace.records.size() && i < kRecordsShown; ++i) {
    const TracedRecord& one = trace.records[i];
    text += fmt::format("  {} entry {} {}  {}\n", LogName(one.city),
                        one.sequence, one.type, one.proof);
  }
  if (trace.records_total > kRecordsShown) {
    text += fmt::format("  and {} more\n", trace.records_total - kRecordsShown);
  }
  return text;
}

std::string FormatJson(const FigureTrace& trace) {
  nlohmann::ordered_json json;
  json["figure"] = Describe(trace.figure);
  json["value"] = nullptr;
  if (trace.value.has_value()) json["value"] = *trace.value;
  json["records_total"] = trace.records_total;
  json["records"] = nlohmann::ordered_json::array();
  for (const TracedRecord& one : trace.records) {
    json["records"].push_back({{"city", LogName(one.city)},
                               {"type", one.type},
                               {"key", base::HexEncode(one.key)},
                               {"sequence", one.sequence},
                               {"proof", one.proof}});
  }
  json["findings"] = nlohmann::ordered_json::array();
  for (const Finding& one : trace.findings.kept()) {
    json["findings"].push_back({{"place", one.place}, {"text", one.text}});
  }
  return json.dump() + "\n";
}

}  // namespace tongchou::audit
