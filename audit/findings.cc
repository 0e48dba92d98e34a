#include "audit/findings.h"

#include <utility>

namespace tongchou::audit {

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kClean:
      return "clean";
    case Verdict::kDiscrepancy:
      return "discrepancy";
    case Verdict::kCouldNotCheck:
      return "could not check";
  }
  return "could not check";
}

void Findings::Add(std::string place, std::string text) {
  ++count_;
  if (kept_.size() < kFindingsKeptMax) {
    kept_.push_back({std::move(place), std::move(text)});
  }
}

void Findings::Merge(const Findings& other) {
  count_ += other.count_;
  for (const Finding& finding : other.kept_) {
    if (kept_.size() == kFindingsKeptMax) break;
    kept_.push_back(finding);
  }
}

}  // namespace tongchou::audit
