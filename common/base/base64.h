// Base64 with padding; the standard one (RFC 4648, section 4) if not said
// otherwise.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tongchou::base {

std::string Base64Encode(std::string_view bytes);

// nullopt unless the text is what an encoder writes: alphabet, padding and
// length are checked. The spare bits of the last character may be anything,
// so compare decoded bytes, never texts.
std::optional<std::string> Base64Decode(std::string_view text);

// The same with the alphabet for names and addresses (RFC 4648, section 5).
std::string Base64UrlEncode(std::string_view bytes);
std::optional<std::string> Base64UrlDecode(std::string_view text);

}  // namespace tongchou::base
