// Unsigned integers as big-endian bytes: keys that sort like the numbers.
#pragma once

#include <endian.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tongchou::base {

template <size_t kBytes>
void AppendBigEndian(uint64_t value, std::string* out) {
  static_assert(kBytes > 0 && kBytes <= sizeof value);
  const uint64_t bytes = htobe64(value << (8 * (sizeof value - kBytes)));
  out->append(reinterpret_cast<const char*>(&bytes), kBytes);
}

// All bytes of `bytes`, at most eight.
inline uint64_t ReadBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

}  // namespace tongchou::base
