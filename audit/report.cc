#include "audit/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace tongchou::audit {

namespace {

constexpr size_t kRangesShown = 10;

std::string Delay(int64_t seconds) {
  const auto hours = static_cast<double>(seconds) / 3'600;
  return hours < 48 ? fmt::format("{:.1f} hours", hours)
                    : fmt::format("{:.1f} days", hours / 24);
}

// What nobody but the city can vouch for; no discrepancy.
std::string Unwitnessed(const AuditSummary& summary) {
  if (summary.synthetic_clock) {
    return "times        of a synthetic clock: not held against cosignatures\n";
  }
  std::string text;
  size_t ranges = 0;
  for (const auto& [city, late] : summary.unwitnessed) {
    for (const UnwitnessedRange& range : late) {
      if (++ranges > kRangesShown) continue;
      text += fmt::format(
          "unwitnessed  {:06} entries {} to {}: seen by the province up to {} "
          "after the time that they name\n",
          city, range.first, range.end - 1, Delay(range.seconds));
    }
  }
  if (ranges > kRangesShown) {
    text += fmt::format("unwitnessed  {} more ranges\n", ranges - kRangesShown);
  }
  return text;
}

nlohmann::ordered_json ComputedJson(const FigureTable& figures) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& [name, value] : figures) {
    nlohmann::ordered_json one;
    one["id"] = name.id;
    if (name.once) one["line"] = "once";
    one["city"] = name.city;
    one["county"] = name.county;
    one["insurance"] = name.insurance;
    one["period"] = name.period;
    one["value"] = nullptr;
    if (value.has_value()) one["value"] = *value;
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace

std::string FormatText(const AuditSummary& summary) {
  std::string text = fmt::format(
      "verdict      {}\n"
      "entries      {} hashed, numbered, timed and linked\n"
      "checkpoints  {} signed by the cities, cosigned by the province\n",
      VerdictName(summary.verdict()), summary.entries, summary.checkpoints);
  if (summary.own.entries > 0) {
    text += fmt::format(
        "province     {} entries of its own log, receipts for all the others\n",
        summary.own.entries);
  }
  if (summary.figures > 0) {
    text += fmt::format(
        "records      {} compared with the unified database\n"
        "figures      {} computed a second time\n",
        summary.records, summary.figures);
  }
  if (summary.figures == 0 && summary.as_of != 0) {
    text += fmt::format(
        "figures      {} computed from the logs as of {}; --format json shows "
        "them\n",
        summary.computed.size(), summary.as_of);
  }
  text += fmt::format("time         {:.1f} s\n", summary.seconds);
  text += Unwitnessed(summary);
  if (summary.withheld > 0) {
    text += fmt::format(
        "redacted     {} bodies withheld: this proves integrity, no figures\n",
        summary.withheld);
  }
  if (summary.findings.empty() && summary.withheld > 0) {
    return text +
           "proves: that nothing was changed, left out or moved since it was "
           "recorded;\nwhat the withheld bodies say is not shown.\n";
  }
  if (summary.findings.empty()) {
    return text +
           "proves: who recorded what and when, and that it has not been "
           "changed since;\nnot that what was recorded is true of the world.\n";
  }
  text += fmt::format("\n{} found:\n", summary.findings.count());
  for (const Finding& finding : summary.findings.kept()) {
    text += fmt::format("  {}: {}\n", finding.place, finding.text);
  }
  const uint64_t hidden =
      summary.findings.count() - summary.findings.kept().size();
  if (hidden > 0) text += fmt::format("  and {} more\n", hidden);
  return text;
}

std::string FormatJson(const AuditSummary& summary) {
  nlohmann::ordered_json json;
  json["verdict"] = VerdictName(summary.verdict());
  json["entries"] = summary.entries;
  json["checkpoints"] = summary.checkpoints;
  json["withheld"] = summary.withheld;
  json["province_entries"] = summary.own.entries;
  json["records"] = summary.records;
  json["figures"] = summary.figures;
  json["records_digest"] = summary.records_digest;
  json["seconds"] = summary.seconds;
  json["synthetic_clock"] = summary.synthetic_clock;
  json["unwitnessed"] = nlohmann::ordered_json::array();
  for (const auto& [city, late] : summary.unwitnessed) {
    for (const UnwitnessedRange& range : late) {
      json["unwitnessed"].push_back({{"city", fmt::format("{:06}", city)},
                                     {"first", range.first},
                                     {"end", range.end},
                                     {"seconds", range.seconds}});
    }
  }
  if (summary.figures == 0 && summary.as_of != 0) {
    json["as_of"] = summary.as_of;
    json["computed"] = ComputedJson(summary.computed);
  }
  json["findings_total"] = summary.findings.count();
  json["findings"] = nlohmann::ordered_json::array();
  for (const Finding& finding : summary.findings.kept()) {
    json["findings"].push_back(
        {{"place", finding.place}, {"text", finding.text}});
  }
  return json.dump() + "\n";
}

}  // namespace tongchou::audit
