// Memory in pages of two megabytes, for programs that hold much of it and run
// on tcmalloc. A page is met for the first time once instead of 512 times,
// which costs less and, on virtual machines, much less.
#pragma once

namespace tongchou::base {

// From now on the allocator asks the kernel for memory that may lie in huge
// pages. First in main. Without effect where the kernel gives none
// (/sys/kernel/mm/transparent_hugepage/enabled: never).
void UseHugePages();

}  // namespace tongchou::base
