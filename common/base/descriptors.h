// File descriptors of the process: connections and the database's files.
#pragma once

#include "absl/status/status.h"

namespace tongchou::base {

// As many as the system lets the process have; the usual limit of 1,024 is a
// thousand connections, and then a database that opens no file any more.
// UNAVAILABLE names what the system said.
absl::Status RaiseDescriptorLimit();

}  // namespace tongchou::base
