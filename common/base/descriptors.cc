#include "common/base/descriptors.h"

#include <sys/resource.h>

#include <cerrno>
#include <cstring>

#include "common/base/logging.h"

namespace tongchou::base {

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
  }
  spdlog::warn("the limit of open files was not raised: {}",
               std::strerror(errno));
}

}  // namespace tongchou::base
