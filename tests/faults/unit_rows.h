// Changes of units, the record type with the shortest row, and a key that is
// always the same.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "node/change.h"

namespace tongchou::faults {

// Of one number and another version, another row; it does not compress.
node::PendingChange Unit(int number, int version);
std::vector<node::PendingChange> Units(int first, int count, int version);
node::PendingChange UnitGone(int number);
// The file of an import.
std::string UnitFile(int first, int count);

absl::Status WriteTestKey(const std::string& path, char seed);

}  // namespace tongchou::faults
