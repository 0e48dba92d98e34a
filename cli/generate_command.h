// tongchou generate.
#pragma once

#include "cli/command.h"

namespace tongchou::cli {

void AddGenerate(CLI::App* app, Invocation* invocation);

}  // namespace tongchou::cli
