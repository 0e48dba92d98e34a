// A node that was put back from an old copy brings its log back: what the
// province has, and behind it what only the old copy had.
#pragma once

#include "tests/faults/scenario.h"

namespace tongchou::faults {

std::unique_ptr<Scenario> MakeRestoreScenario(const std::string& directory);

}  // namespace tongchou::faults
