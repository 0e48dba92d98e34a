// Unsigned integers as big-endian bytes: keys that sort like the numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tongchou::base {

template <size_t kBytes>
void AppendBigEndian(uint64_t value, std::string* out) {
  char bytes[kBytes];
  for (size_t i = 0; i < kBytes; ++i) {
    bytes[i] = static_cast<char>(value >> (8 * (kBytes - 1 - i)) & 0xff);
  }
  out->append(bytes, kBytes);
}

// All bytes of `bytes`, at most eight.
inline uint64_t ReadBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

}  // namespace tongchou::base
