#include "common/base/utf8.h"

#include <cstdint>
#include <cstring>

namespace tongchou::base {

bool IsAscii(std::string_view text) {
  const char* at = text.data();
  size_t left = text.size();
  for (; left >= sizeof(uint64_t); at += 8, left -= 8) {
    uint64_t word;
    std::memcpy(&word, at, sizeof(word));
    if ((word & 0x8080808080808080u) != 0) return false;
  }
  for (; left > 0; ++at, --left) {
    if (static_cast<uint8_t>(*at) >= 0x80) return false;
  }
  return true;
}

size_t Utf8Length(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (at(0) < 0x80) return 1;
  const size_t length = at(0) >= 0xf0 ? 4 : at(0) >= 0xe0 ? 3 : 2;
  if (at(0) < 0xc2 || at(0) > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  if (at(0) == 0xe0 && at(1) < 0xa0) return 0;
  if (at(0) == 0xed && at(1) > 0x9f) return 0;
  if (at(0) == 0xf0 && at(1) < 0x90) return 0;
  if (at(0) == 0xf4 && at(1) > 0x8f) return 0;
  return length;
}

size_t FindInvalidUtf8(std::string_view text) {
  if (IsAscii(text)) return std::string_view::npos;
  for (size_t at = 0; at < text.size();) {
    const size_t length = Utf8Length(text.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

}  // namespace tongchou::base
