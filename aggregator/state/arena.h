// Memory of a batch: bytes that live until all of it is given back at once.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory_resource>
#include <string_view>

namespace tongchou::aggregator {

// Not thread-safe. Views into it end with Clear.
class Arena {
 public:
  char* Allocate(size_t bytes) {
    return static_cast<char*>(memory_.allocate(bytes, 1));
  }
  std::string_view Copy(std::string_view bytes) { return Join(bytes, {}); }
  std::string_view Join(std::string_view a, std::string_view b) {
    if (a.empty() && b.empty()) return {};
    char* to = Allocate(a.size() + b.size());
    if (!a.empty()) std::memcpy(to, a.data(), a.size());
    if (!b.empty()) std::memcpy(to + a.size(), b.data(), b.size());
    return {to, a.size() + b.size()};
  }
  void Clear() { memory_.release(); }

 private:
  static constexpr size_t kFirstBytes = 1 << 20;
  std::pmr::monotonic_buffer_resource memory_{kFirstBytes};
};

}  // namespace tongchou::aggregator
