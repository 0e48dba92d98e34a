// GB 18030 and UTF-8. The mapping of GB 18030 is that of the C library
// (glibc 2.36: GB 18030-2005 with the private-use code points moved as in the
// 2022 edition where iconv does so); the two-byte part lies in a table.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tongchou::records {

enum class Encoding { kGb18030, kUtf8 };

// "gb18030", "utf-8" (also "utf8", any case).
absl::StatusOr<Encoding> ParseEncoding(std::string_view name);

inline constexpr std::string_view kUtf8ByteOrderMark = "\xef\xbb\xbf";

// Code points of valid UTF-8.
size_t CountCharacters(std::string_view utf8);

// Appends the text as UTF-8; false when the bytes are not of the encoding
// (nothing is appended then). Thread-safe.
bool ToUtf8(std::string_view bytes, Encoding encoding, std::string* out);
// The same with U+FFFD in place of what cannot be read.
std::string ToUtf8Lossy(std::string_view bytes, Encoding encoding);
// nullopt when the text is not UTF-8.
std::optional<std::string> ToGb18030(std::string_view utf8);

}  // namespace tongchou::records
