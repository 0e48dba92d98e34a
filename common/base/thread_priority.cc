#include "common/base/thread_priority.h"

#include <sys/resource.h>

namespace tongchou::base {
namespace {

constexpr int kNice = 5;

}  // namespace

// On Linux the call reaches the one thread only.
void LowerThreadPriority() { setpriority(PRIO_PROCESS, 0, kNice); }

}  // namespace tongchou::base
