// Standard base64 (RFC 4648, section 4) with padding.
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

}  // namespace tongchou::base
