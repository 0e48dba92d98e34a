// A copy of a log that can be given away: bodies are replaced by their hashes,
// and everything can be verified as before but what they said.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "audit/archive.h"

namespace tongchou::audit {

// Writes the log of the city without the bodies of the entries [first, end)
// into another copy and returns how many bodies were withheld. Checkpoints go
// with it unchanged. Of the province's own log, wherever its entries lie, the
// bodies that are for everyone stay: the receipts for the cities' logs.
// NOT_FOUND without such a log; ALREADY_EXISTS when the other copy has one;
// DATA_LOSS when a bundle cannot be read.
absl::StatusOr<uint64_t> RedactLog(const Archive& from, uint32_t city,
                                   uint64_t first, uint64_t end,
                                   const Archive& to);

}  // namespace tongchou::audit
