// A copy of a log that can be given away: bodies are replaced by their hashes,
// and everything can be verified as before but what they said.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "audit/archive.h"

namespace tongchou::audit {

// Which bodies are withheld.
struct Redaction {
  // Those of the entries [first, end).
  uint64_t first = 0;
  uint64_t end = UINT64_MAX;
  // Where persons (ID numbers) are named: of these entries, those that name
  // one of them, or with `keep_persons` those that do not.
  std::vector<std::string> persons;
  bool keep_persons = false;
};

// Writes the log of the city without these bodies into another copy and returns
// how many were withheld. Checkpoints go with it unchanged. A body names a
// person in its record's key or anywhere in words; the deletion of a record
// that named him, too. Of the province's own log the bodies that are for
// everyone stay, the receipts for the cities' logs; all others are withheld
// unless they name none of `persons`, or with `keep_persons` no one else.
// NOT_FOUND without such a log; ALREADY_EXISTS when the other copy has one;
// DATA_LOSS when a bundle cannot be read.
absl::StatusOr<uint64_t> RedactLog(const Archive& from, uint32_t city,
                                   const Redaction& redaction,
                                   const Archive& to);

}  // namespace tongchou::audit
