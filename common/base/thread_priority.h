// Work that others must not wait for.
#pragma once

namespace tongchou::base {

// The calling thread gives way to threads that answer somebody: about a third
// of their share when both want to run (nice 5). Best effort.
void LowerThreadPriority();

}  // namespace tongchou::base
