// tongchou status and indicators.
#pragma once

#include "cli/command.h"

namespace tongchou::cli {

void AddStatus(CLI::App* app, Invocation* invocation);
void AddIndicators(CLI::App* app, Invocation* invocation);

}  // namespace tongchou::cli
