// Memory of a batch: bytes that live until all of it is given back at once.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <string_view>

namespace tongchou::aggregator {

// Not thread-safe. Views into it end with Clear.
class Arena {
 public:
  char* Allocate(size_t bytes) {
    return static_cast<char*>(memory_.allocate(bytes, 1));
  }
  std::string_view Copy(std::string_view bytes) { return Join(bytes); }
  template <typename... Parts>
  std::string_view Join(const Parts&... parts) {
    const size_t bytes = (parts.size() + ...);
    if (bytes == 0) return {};
    char* const begin = Allocate(bytes);
    char* to = begin;
    ((to += parts.copy(to, parts.size())), ...);
    return {begin, bytes};
  }
  void Clear() { memory_.release(); }

 private:
  static constexpr size_t kFirstBytes = 1 << 20;
  std::pmr::monotonic_buffer_resource memory_{kFirstBytes};
};

}  // namespace tongchou::aggregator
