// What an audit found, as tests look at it.
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "audit/replay.h"

namespace tongchou::audit {

// "place: text" of every finding, or the error.
inline std::vector<std::string> FindingsOf(
    const absl::StatusOr<AuditSummary>& summary) {
  if (!summary.ok()) return {"error: " + summary.status().ToString()};
  std::vector<std::string> lines;
  for (const Finding& finding : summary->findings.kept()) {
    lines.push_back(finding.place + ": " + finding.text);
  }
  return lines;
}

// Exactly these findings, each given by place and a part of its text.
inline auto Names(const std::string& place, const std::string& text) {
  return testing::AllOf(testing::StartsWith(place + ": "),
                        testing::HasSubstr(text));
}

}  // namespace tongchou::audit
