// Memory in pages of two megabytes, for programs that hold much of it and run
// on tcmalloc. A page is met for the first time once instead of 512 times,
// which costs less and, on virtual machines, much less.
#pragma once

#include <cstddef>

namespace tongchou::base {

// From now on the allocator asks the kernel for memory that may lie in huge
// pages. First in main. Without effect where the kernel gives none
// (/sys/kernel/mm/transparent_hugepage/enabled: never).
void UseHugePages();

// So many bytes are taken from the kernel now and touched by a thread of least
// priority, so that work which comes later finds memory that is there. Once,
// behind UseHugePages; without effect where that has none, and where the kernel
// cannot (before Linux 5.14) or has not so much.
void ReserveMemory(size_t bytes);

}  // namespace tongchou::base
