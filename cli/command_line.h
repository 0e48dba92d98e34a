// The commands of tongchou, the operator's program.
#pragma once

namespace tongchou::cli {

// Exit status: 0 done, 1 failed, 2 wrong usage.
int RunCommandLine(int argc, const char* const* argv);

}  // namespace tongchou::cli
