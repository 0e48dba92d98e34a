// A city's node without network: transactions, imports, state in sorted files,
// heads that are signed and shipped, a change of the log's key, restarts.
#pragma once

#include "tests/faults/scenario.h"

namespace tongchou::faults {

std::unique_ptr<Scenario> MakeNodeScenario(const std::string& directory);

}  // namespace tongchou::faults
