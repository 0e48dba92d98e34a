#include "common/base/thread_priority.h"

#include <sys/resource.h>

namespace tongchou::base {

// On Linux the call reaches the one thread only.
void LowerThreadPriority(int nice) { setpriority(PRIO_PROCESS, 0, nice); }

}  // namespace tongchou::base
