// tongchou put, get, history, person and list.
#pragma once

#include "cli/command.h"
#include "tongchou/v1/common.pb.h"

namespace tongchou::cli {

// --purpose and --document: why personal data are read.
void AddReadReason(CLI::App* command, v1::ReadReason* reason);

void AddPut(CLI::App* app, Invocation* invocation);
void AddGet(CLI::App* app, Invocation* invocation);
void AddHistory(CLI::App* app, Invocation* invocation);
void AddPerson(CLI::App* app, Invocation* invocation);
void AddList(CLI::App* app, Invocation* invocation);

}  // namespace tongchou::cli
