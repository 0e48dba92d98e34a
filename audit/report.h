// An audit's outcome, for people and for programs.
#pragma once

#include <string>

#include "audit/replay.h"

namespace tongchou::audit {

// A few lines: verdict, what was checked, what was found, what it proves.
std::string FormatText(const AuditSummary& summary);

// {"verdict", "entries", "checkpoints", "records", "figures", "seconds",
// "findings": [{"place", "text"}], "findings_total"}; one line.
std::string FormatJson(const AuditSummary& summary);

}  // namespace tongchou::audit
