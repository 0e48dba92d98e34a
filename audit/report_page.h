// An audit's outcome as one HTML page that needs nothing else: to be read, to
// be printed, to be filed.
#pragma once

#include <string>

#include "audit/policy.h"
#include "audit/replay.h"

namespace tongchou::audit {

// Chinese with English headings. `made_us` is when, microseconds since 1970.
std::string FormatPage(const AuditSummary& summary, const Policy& policy,
                       int64_t made_us);

}  // namespace tongchou::audit
