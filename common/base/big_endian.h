// Unsigned integers as big-endian bytes: keys that sort like the numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tongchou::base {

template <size_t kBytes>
void AppendBigEndian(uint64_t value, std::string* out) {
  for (size_t i = kBytes; i-- > 0;) {
    out->push_back(static_cast<char>(value >> (8 * i) & 0xff));
  }
}

// All bytes of `bytes`, at most eight.
inline uint64_t ReadBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

}  // namespace tongchou::base
