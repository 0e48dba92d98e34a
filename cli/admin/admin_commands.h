// tongchou city and access: acts of the province's administrators, and who read
// what.
#pragma once

#include "cli/command.h"

namespace tongchou::cli {

void AddCityCommands(CLI::App* app, Invocation* invocation);
void AddAccess(CLI::App* app, Invocation* invocation);

}  // namespace tongchou::cli
