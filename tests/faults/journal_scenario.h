// The province's journal: groups, own entries, decisions about cities, heads of
// its own log that are signed and shown, restarts.
#pragma once

#include "tests/faults/scenario.h"

namespace tongchou::faults {

std::unique_ptr<Scenario> MakeJournalScenario(const std::string& directory);

}  // namespace tongchou::faults
