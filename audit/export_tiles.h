// A copied log as tiles, entry bundles and checkpoint: files that any tool for
// C2SP tlog-tiles reads, without personal data.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "audit/archive.h"
#include "audit/policy.h"

namespace tongchou::audit {

// Writes DIR/checkpoint and DIR/tile/... for the log up to its newest
// checkpoint; returns how many entries that are. Every entry is hashed on the
// way. DATA_LOSS when the copy has another root than the city signed, or is
// cut; NOT_FOUND without a copy or a checkpoint of the city; ALREADY_EXISTS
// when the directory has a checkpoint.
absl::StatusOr<uint64_t> ExportTiles(const Archive& archive,
                                     const LogPolicy& city,
                                     const std::string& directory);

}  // namespace tongchou::audit
