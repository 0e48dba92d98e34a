// The commands of tongchou-audit.
#pragma once

namespace tongchou::audit {

// Exit status: 0 clean, 1 discrepancy, 2 could not check (wrong usage too).
int RunCommandLine(int argc, char** argv);

}  // namespace tongchou::audit
