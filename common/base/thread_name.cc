#include "common/base/thread_name.h"

#include <pthread.h>

namespace tongchou::base {

void NameThread(const char* name) { pthread_setname_np(pthread_self(), name); }

}  // namespace tongchou::base
