// Work that others must not wait for.
#pragma once

namespace tongchou::base {

// Two thirds of the share of a thread that answers somebody, when both want to
// run; and next to nothing as long as anybody else does.
inline constexpr int kNiceBulk = 2;
inline constexpr int kNiceIdle = 15;

// The calling thread, and those that it starts, give way to others from now
// on. Best effort.
void LowerThreadPriority(int nice);

}  // namespace tongchou::base
