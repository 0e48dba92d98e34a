// For who writes groups whose batches all continue their cities' logs.
#pragma once

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "aggregator/journal/journal.h"
#include "common/base/status.h"

namespace tongchou::aggregator {

// The group, or why the whole or the first batch was refused.
inline absl::StatusOr<JournalGroup> AppendAll(
    Journal* journal, std::vector<JournalBatch> batches,
    std::vector<OwnEntry> entries = {}) {
  ASSIGN_OR_RETURN(Appended appended,
                   journal->Append(std::move(batches), std::move(entries)));
  for (const absl::Status& outcome : appended.outcomes) {
    RETURN_IF_ERROR(outcome);
  }
  return std::move(appended.group);
}

}  // namespace tongchou::aggregator
