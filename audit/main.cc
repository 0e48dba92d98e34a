#include <absl/synchronization/mutex.h>

#include "audit/command_line.h"

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return tongchou::audit::RunCommandLine(argc, argv);
}
