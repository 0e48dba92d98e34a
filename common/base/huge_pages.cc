#include "common/base/huge_pages.h"

#ifdef TONGCHOU_TCMALLOC

#include <gperftools/malloc_extension.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "common/base/thread_priority.h"

namespace tongchou::base {
namespace {

constexpr size_t kPageBytes = 2 << 20;
// Taken from the kernel at a time; what is not touched is no memory yet.
constexpr size_t kStepBytes = 16 << 20;

size_t RoundUp(size_t number, size_t step) {
  return (number + step - 1) / step * step;
}

// Null when there is none.
char* Map(size_t bytes, size_t alignment) {
  const size_t mapped = bytes + alignment;
  void* const map = mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) return nullptr;
  char* const begin = static_cast<char*>(map);
  const size_t skipped =
      RoundUp(reinterpret_cast<uintptr_t>(begin), alignment) -
      reinterpret_cast<uintptr_t>(begin);
  if (skipped > 0) munmap(begin, skipped);
  if (alignment > skipped) {
    munmap(begin + skipped + bytes, alignment - skipped);
  }
  madvise(begin + skipped, bytes, MADV_HUGEPAGE);
  return begin + skipped;
}

// Alloc is called under the lock of tcmalloc's heap.
class HugePageAllocator final : public SysAllocator {
 public:
  explicit HugePageAllocator(SysAllocator* otherwise)
      : otherwise_(*otherwise) {}

  // Is handed out before anything else.
  void SetReserve(char* begin, size_t bytes) {
    reserve_end_ = begin + bytes;
    reserve_.store(begin, std::memory_order_release);
  }

  void* Alloc(size_t size, size_t* actual_size, size_t alignment) override {
    const size_t bytes = RoundUp(std::max(size, kStepBytes), kPageBytes);
    char* memory = nullptr;
    if (alignment <= kPageBytes) memory = FromReserve(bytes);
    if (memory == nullptr) memory = Map(bytes, std::max(alignment, kPageBytes));
    if (memory == nullptr) {
      return otherwise_.Alloc(size, actual_size, alignment);
    }
    if (actual_size != nullptr) *actual_size = bytes;
    return memory;
  }

 private:
  char* FromReserve(size_t bytes) {
    char* const begin = reserve_.load(std::memory_order_acquire);
    if (begin == nullptr || bytes > static_cast<size_t>(reserve_end_ - begin)) {
      return nullptr;
    }
    reserve_.store(begin + bytes, std::memory_order_relaxed);
    return begin;
  }

  SysAllocator& otherwise_;
  std::atomic<char*> reserve_ = nullptr;
  char* reserve_end_ = nullptr;
};

// The allocator never lets go of it.
HugePageAllocator* allocator = nullptr;

}  // namespace

void UseHugePages() {
  MallocExtension* const malloc = MallocExtension::instance();
  SysAllocator* const before = malloc->GetSystemAllocator();
  if (before == nullptr) return;
  allocator = new HugePageAllocator(before);
  malloc->SetSystemAllocator(allocator);
}

void ReserveMemory(size_t bytes) {
  if (allocator == nullptr) return;
  const size_t mapped = RoundUp(bytes, kStepBytes);
  char* const begin = Map(mapped, kPageBytes);
  if (begin == nullptr) return;
  allocator->SetReserve(begin, mapped);
  std::thread([begin, mapped] {
    LowerThreadPriority(kNiceIdle);
    // What is in use already keeps what it holds.
    for (size_t at = 0; at < mapped; at += kPageBytes) {
      if (madvise(begin + at, kPageBytes, MADV_POPULATE_WRITE) != 0) return;
    }
  }).detach();
}

}  // namespace tongchou::base

#else

namespace tongchou::base {

void UseHugePages() {}
void ReserveMemory(size_t) {}

}  // namespace tongchou::base

#endif
