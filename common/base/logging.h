// Structured logs: one line per event on stderr,
//   2008-10-31T09:30:00.000+08:00 info  import: file=unit.csv rows=120
// Log through spdlog's functions after StartLogging.
#pragma once

#include <spdlog/spdlog.h>

#include <string_view>

namespace tongchou::base {

// `level`: debug, info, warn, error. Unknown ones are info.
void StartLogging(std::string_view level);

}  // namespace tongchou::base
