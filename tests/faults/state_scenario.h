// The unified database behind a journal on a sound disk: batches in the
// memtable and as sorted files, restarts.
#pragma once

#include "tests/faults/scenario.h"

namespace tongchou::faults {

std::unique_ptr<Scenario> MakeStateScenario(const std::string& directory);

}  // namespace tongchou::faults
