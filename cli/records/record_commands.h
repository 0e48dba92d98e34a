// tongchou put, get, history, person and list.
#pragma once

#include "cli/command.h"

namespace tongchou::cli {

void AddPut(CLI::App* app, Invocation* invocation);
void AddGet(CLI::App* app, Invocation* invocation);
void AddHistory(CLI::App* app, Invocation* invocation);
void AddPerson(CLI::App* app, Invocation* invocation);
void AddList(CLI::App* app, Invocation* invocation);

}  // namespace tongchou::cli
