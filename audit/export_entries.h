// Entries of a copied log as JSON lines, for checks by programs of others.
#pragma once

#include <cstdint>
#include <ostream>

#include "absl/status/status.h"
#include "audit/archive.h"

namespace tongchou::audit {

// One line per entry with first <= sequence < end:
// {"sequence": 7, "header": "hex", "body": "hex"}; a withheld body is null and
// "body_hash" stands beside it. NOT_FOUND when there is no copy of the log.
absl::Status ExportEntries(const Archive& archive, uint32_t city,
                           uint64_t first, uint64_t end, std::ostream* out);

}  // namespace tongchou::audit
