#include "audit/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "audit/archive.h"
#include "common/base/clock.h"

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

std::string Ago(uint64_t seconds, int64_t now_us) {
  if (now_us == 0) return "";
  const int64_t age =
      now_us / base::kMicrosPerSecond - static_cast<int64_t>(seconds);
  return age < 120 ? fmt::format(" {} s ago", age) : " " + Delay(age) + " ago";
}

// How far each log is signed, held and witnessed, in entries.
std::string HeadLines(const AuditSummary& summary) {
  const auto line = [&](const AuditedLog& log) {
    std::string text = fmt::format("log          {:8} {} signed",
                                   LogName(log.city), log.signed_size);
    if (log.city != kProvinceLog) {
      text += fmt::format(", {} held by the province{}", log.held.size,
                          Ago(log.held.seconds, summary.made_us));
    }
    if (summary.has_witnesses) {
      text += log.witnessed.size == 0
                  ? std::string(", not witnessed")
                  : fmt::format(", {} witnessed{}", log.witnessed.size,
                                Ago(log.witnessed.seconds, summary.made_us));
    }
    return text + "\n";
  };
  std::string text;
  for (const AuditedLog& log : summary.logs) text += line(log);
  if (summary.own.entries > 0) text += line(summary.own);
  return text;
}

// Whose word the part is that was not read again.
std::string ResumedLines(const AuditSummary& summary) {
  std::string text;
  const auto add = [&](const AuditedLog& log) {
    if (log.resumed_size == 0) return;
    text += fmt::format(
        "resumed      {} entries up to {} were verified by {} and not read "
        "again\n",
        LogName(log.city), log.resumed_size,
        base::FormatChinaTime(log.resumed_us));
  };
  for (const AuditedLog& log : summary.logs) add(log);
  add(summary.own);
  return text;
}

nlohmann::ordered_json LogJson(const AuditedLog& log, int64_t now_us) {
  const auto age = [&](const SignedUpTo& up_to) -> nlohmann::ordered_json {
    if (up_to.size == 0 || now_us == 0) return nullptr;
    return now_us / base::kMicrosPerSecond -
           static_cast<int64_t>(up_to.seconds);
  };
  nlohmann::ordered_json json;
  json["log"] = LogName(log.city);
  json["entries"] = log.entries;
  json["signed"] = log.signed_size;
  if (log.city != kProvinceLog) {
    json["held"] = log.held.size;
    json["held_age_seconds"] = age(log.held);
  }
  json["witnessed"] = log.witnessed.size;
  json["witnessed_age_seconds"] = age(log.witnessed);
  json["withheld"] = log.withheld;
  json["resumed"] = log.resumed_size;
  json["resumed_verified"] = nullptr;
  if (log.resumed_size > 0) {
    json["resumed_verified"] = base::FormatChinaTime(log.resumed_us);
  }
  return json;
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
  text += HeadLines(summary) + ResumedLines(summary) + Unwitnessed(summary);
  if (summary.withheld > 0) {
    text += fmt::format(
        "redacted     {} bodies withheld: this proves integrity, no figures\n",
        summary.withheld);
  }
  if (summary.findings.empty() && summary.withheld > 0) {
    return text +
           "proves: that nothing was changed, left out or moved since it was "
           "recorded, and\nwhat the bodies say that are here. What the "
           "withheld ones say is not shown, and\nnot whether a record has "
           "changes among them.\n";
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
  json["logs"] = nlohmann::ordered_json::array();
  for (const AuditedLog& log : summary.logs) {
    json["logs"].push_back(LogJson(log, summary.made_us));
  }
  if (summary.own.entries > 0) {
    json["logs"].push_back(LogJson(summary.own, summary.made_us));
  }
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
