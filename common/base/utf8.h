// What UTF-8 is (RFC 3629): no surrogates, nothing longer than needed.
#pragma once

#include <cstddef>
#include <string_view>

namespace tongchou::base {

bool IsAscii(std::string_view text);
// Bytes of the character at the beginning; 0 when it is none. `text` has some.
size_t Utf8Length(std::string_view text);
// Where the first byte is that belongs to no character; npos when all do.
size_t FindInvalidUtf8(std::string_view text);
inline bool IsValidUtf8(std::string_view text) {
  return FindInvalidUtf8(text) == std::string_view::npos;
}

}  // namespace tongchou::base
