// tongchou pki: a small authority for development and trials.
#pragma once

#include "cli/command.h"

namespace tongchou::cli {

void AddPki(CLI::App* app, Invocation* invocation);

}  // namespace tongchou::cli
