#include "common/base/huge_pages.h"

#ifdef TONGCHOU_TCMALLOC

#include <gperftools/malloc_extension.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace tongchou::base {
namespace {

constexpr size_t kPageBytes = 2 << 20;
// Taken from the kernel at a time; what is not touched is no memory yet.
constexpr size_t kStepBytes = 16 << 20;

size_t RoundUp(size_t number, size_t step) {
  return (number + step - 1) / step * step;
}

class HugePageAllocator final : public SysAllocator {
 public:
  explicit HugePageAllocator(SysAllocator* otherwise)
      : otherwise_(*otherwise) {}

  void* Alloc(size_t size, size_t* actual_size, size_t alignment) override {
    const size_t bytes = RoundUp(std::max(size, kStepBytes), kPageBytes);
    const size_t aligned = std::max(alignment, kPageBytes);
    const size_t mapped = bytes + aligned;
    void* const map = mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
      return otherwise_.Alloc(size, actual_size, alignment);
    }
    char* const begin = static_cast<char*>(map);
    const size_t skipped =
        RoundUp(reinterpret_cast<uintptr_t>(begin), aligned) -
        reinterpret_cast<uintptr_t>(begin);
    if (skipped > 0) munmap(begin, skipped);
    if (aligned > skipped) {
      munmap(begin + skipped + bytes, aligned - skipped);
    }
    madvise(begin + skipped, bytes, MADV_HUGEPAGE);
    if (actual_size != nullptr) *actual_size = bytes;
    return begin + skipped;
  }

 private:
  SysAllocator& otherwise_;
};

}  // namespace

void UseHugePages() {
  MallocExtension* const malloc = MallocExtension::instance();
  SysAllocator* const before = malloc->GetSystemAllocator();
  if (before == nullptr) return;
  // The allocator never lets go of it.
  static HugePageAllocator* const allocator = new HugePageAllocator(before);
  malloc->SetSystemAllocator(allocator);
}

}  // namespace tongchou::base

#else

namespace tongchou::base {

void UseHugePages() {}

}  // namespace tongchou::base

#endif
