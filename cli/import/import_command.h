// tongchou import.
#pragma once

#include "cli/command.h"

namespace tongchou::cli {

void AddImport(CLI::App* app, Invocation* invocation);

}  // namespace tongchou::cli
