// From a figure to the records behind it, to the entries that wrote them, to
// proofs that these entries are in logs that city and province have signed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "audit/archive.h"
#include "audit/figures.h"
#include "audit/findings.h"
#include "audit/policy.h"

namespace tongchou::audit {

// Records that one trace follows; more are counted.
inline constexpr size_t kTracedRecordsMax = 10'000;

struct TracedRecord {
  uint32_t city = 0;
  std::string type;
  std::string key;        // as in the log
  uint64_t sequence = 0;  // entry of its last change
  std::string proof;      // file
};

struct FigureTrace {
  FigureName figure;
  std::optional<int64_t> value;  // computed from the logs
  uint64_t records_total = 0;
  std::vector<TracedRecord> records;
  Findings findings;  // of the check that comes first
};

// Verifies the copy, rebuilds the records on which the fetched claims rest, and
// writes for each record behind the figure two files into `directory`:
//   360100-17.entry        leaf data of the entry: header and body hash
//   360100-17.tlog-proof   C2SP tlog-proof against the city's newest cosigned
//                          head
// With findings nothing is traced. A period of 0 is that of a stock: the day of
// the claims. NOT_FOUND when there is no such figure. K1.4 is followed as far
// as its stock now; what was there on 31 December before is no part of it.
absl::StatusOr<FigureTrace> TraceFigure(const Archive& archive,
                                        const Policy& policy,
                                        const FigureName& figure,
                                        const std::string& directory);

// For people: the figure and a line per record; and one line of JSON.
std::string FormatText(const FigureTrace& trace);
std::string FormatJson(const FigureTrace& trace);

}  // namespace tongchou::audit
