// File descriptors of the process: connections and the database's files.
#pragma once

namespace tongchou::base {

// As many as the system lets the process have; the usual limit of 1,024 is a
// thousand connections, and then a database that opens no file any more.
// Logs a warning where the system refuses.
void RaiseDescriptorLimit();

}  // namespace tongchou::base
