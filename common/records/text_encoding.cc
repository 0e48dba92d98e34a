#include "common/records/text_encoding.h"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace tongchou::records {
namespace {

using base::IsAscii;
using base::Utf8Length;

constexpr size_t kTrails = 190;  // 40-7e, 80-fe
constexpr size_t kLeads = 126;   // 81-fe
constexpr std::string_view kReplacement = "\xef\xbf\xbd";

class Converter {
 public:
  Converter(const char* to, const char* from)
      : descriptor_(iconv_open(to, from)) {
    TONGCHOU_CHECK(descriptor_ != reinterpret_cast<iconv_t>(-1));
  }
  ~Converter() { iconv_close(descriptor_); }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  // Appends; false when `bytes` cannot be converted as a whole.
  bool Run(std::string_view bytes, std::string* out) {
    std::string in(bytes);
    char* from = in.data();
    size_t left = in.size();
    const size_t start = out->size();
    out->resize(start + in.size() * 4 + 8);
    char* to = out->data() + start;
    size_t room = out->size() - start;
    iconv(descriptor_, nullptr, nullptr, nullptr, nullptr);
    const size_t result = iconv(descriptor_, &from, &left, &to, &room);
    const bool whole = result != static_cast<size_t>(-1) && left == 0;
    out->resize(whole ? static_cast<size_t>(to - out->data()) : start);
    return whole;
  }

 private:
  iconv_t descriptor_;
};

bool ConvertGb18030(std::string_view bytes, std::string* out) {
  thread_local Converter converter("UTF-8", "GB18030");
  return converter.Run(bytes, out);
}

int TrailIndex(uint8_t trail) {
  if (trail >= 0x40 && trail <= 0x7e) return trail - 0x40;
  if (trail >= 0x80 && trail <= 0xfe) return trail - 0x41;
  return -1;
}

// UTF-8 of every two-byte code, at most three bytes each.
class TwoByteTable {
 public:
  static const TwoByteTable& Get() {
    static const TwoByteTable* const kTable = new TwoByteTable();
    return *kTable;
  }

  // Empty when the code is not assigned.
  std::string_view Find(uint8_t lead, uint8_t trail) const {
    const int index = TrailIndex(trail);
    if (lead < 0x81 || lead == 0xff || index < 0) return {};
    const Cell& cell =
        cells_[(lead - 0x81u) * kTrails + static_cast<size_t>(index)];
    return {cell.bytes.data(), cell.length};
  }

 private:
  struct Cell {
    std::array<char, 3> bytes{};
    uint8_t length = 0;
  };

  TwoByteTable() : cells_(kLeads * kTrails) {
    std::string utf8;
    for (int lead = 0x81; lead <= 0xfe; ++lead) {
      for (int trail = 0x40; trail <= 0xfe; ++trail) {
        const int index = TrailIndex(static_cast<uint8_t>(trail));
        if (index < 0) continue;
        const char code[] = {static_cast<char>(lead), static_cast<char>(trail)};
        utf8.clear();
        if (!ConvertGb18030({code, 2}, &utf8) || utf8.size() > 3) continue;
        Cell& cell = cells_[static_cast<size_t>(lead - 0x81) * kTrails +
                            static_cast<size_t>(index)];
        std::copy(utf8.begin(), utf8.end(), cell.bytes.begin());
        cell.length = static_cast<uint8_t>(utf8.size());
      }
    }
  }

  std::vector<Cell> cells_;
};

bool IsFourByte(std::string_view bytes) {
  const auto in = [&](size_t i, uint8_t low, uint8_t high) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    return byte >= low && byte <= high;
  };
  return bytes.size() >= 4 && in(0, 0x81, 0xfe) && in(1, 0x30, 0x39) &&
         in(2, 0x81, 0xfe) && in(3, 0x30, 0x39);
}

// Converts the first character; returns its length in bytes, 0 = malformed.
size_t TakeGb18030(std::string_view bytes, std::string* out) {
  const auto lead = static_cast<uint8_t>(bytes[0]);
  if (lead < 0x80) {
    out->push_back(bytes[0]);
    return 1;
  }
  if (bytes.size() < 2) return 0;
  const auto trail = static_cast<uint8_t>(bytes[1]);
  const std::string_view utf8 = TwoByteTable::Get().Find(lead, trail);
  if (!utf8.empty()) {
    out->append(utf8);
    return 2;
  }
  if (IsFourByte(bytes) && ConvertGb18030(bytes.substr(0, 4), out)) return 4;
  return 0;
}

bool DecodeGb18030(std::string_view bytes, std::string* out) {
  const size_t start = out->size();
  while (!bytes.empty()) {
    const size_t length = TakeGb18030(bytes, out);
    if (length == 0) {
      out->resize(start);
      return false;
    }
    bytes.remove_prefix(length);
  }
  return true;
}

// Bytes of the first UTF-8 character; 0 = malformed.

}  // namespace

absl::StatusOr<Encoding> ParseEncoding(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (lower.empty() || lower == "gb18030") return Encoding::kGb18030;
  if (lower == "utf-8" || lower == "utf8") return Encoding::kUtf8;
  return base::InvalidArgumentError(
      "encoding '{}' is unknown; use gb18030 or utf-8", name);
}

size_t CountCharacters(std::string_view utf8) {
  return static_cast<size_t>(std::count_if(
      utf8.begin(), utf8.end(),
      [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

bool ToUtf8(std::string_view bytes, Encoding encoding, std::string* out) {
  if (encoding == Encoding::kGb18030 && !IsAscii(bytes)) {
    return DecodeGb18030(bytes, out);
  }
  if (!base::IsValidUtf8(bytes)) return false;
  out->append(bytes);
  return true;
}

std::string ToUtf8Lossy(std::string_view bytes, Encoding encoding) {
  std::string out;
  while (!bytes.empty()) {
    size_t length = encoding == Encoding::kGb18030 ? TakeGb18030(bytes, &out)
                                                   : Utf8Length(bytes);
    if (length == 0) {
      out += kReplacement;
      length = 1;
    } else if (encoding == Encoding::kUtf8) {
      out += bytes.substr(0, length);
    }
    bytes.remove_prefix(length);
  }
  return out;
}

std::optional<std::string> ToGb18030(std::string_view utf8) {
  if (IsAscii(utf8)) return std::string(utf8);
  thread_local Converter converter("GB18030", "UTF-8");
  std::string out;
  if (!converter.Run(utf8, &out)) return std::nullopt;
  return out;
}

}  // namespace tongchou::records
