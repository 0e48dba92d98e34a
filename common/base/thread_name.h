// What a thread is called by ps, top -H and debuggers.
#pragma once

namespace tongchou::base {

// Names the calling thread; at most 15 bytes count.
void NameThread(const char* name);

}  // namespace tongchou::base
