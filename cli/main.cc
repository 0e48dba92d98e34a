#include <absl/synchronization/mutex.h>

#include "cli/command_line.h"

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return tongchou::cli::RunCommandLine(argc, argv);
}
