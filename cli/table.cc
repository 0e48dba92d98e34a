#include "cli/table.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <utility>

#include "common/base/status.h"

namespace tongchou::cli {
namespace {

struct Range {
  uint32_t first;
  uint32_t last;
};

constexpr Range kWide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x4dbf},
    {0x4e00, 0xa4cf},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
    {0xfe30, 0xfe4f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
constexpr Range kCombining[] = {
    {0x0300, 0x036f}, {0x200b, 0x200f}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}};

constexpr uint32_t kFirstPrintable = 0x20;
constexpr uint32_t kDelete = 0x7f;
constexpr uint32_t kLastControl = 0x9f;
constexpr size_t kGap = 2;

template <size_t n>
bool IsIn(const Range (&ranges)[n], uint32_t point) {
  return std::any_of(std::begin(ranges), std::end(ranges), [&](Range range) {
    return point >= range.first && point <= range.last;
  });
}

size_t BytesOf(char lead) {
  const auto byte = static_cast<uint8_t>(lead);
  if (byte >= 0xf0) return 4;
  if (byte >= 0xe0) return 3;
  return byte >= 0xc0 ? 2 : 1;
}

struct Character {
  uint32_t point;
  std::string_view bytes;
};

Character TakeCharacter(std::string_view* text) {
  const size_t size = std::min(BytesOf(text->front()), text->size());
  constexpr std::array<uint8_t, 5> kLeadMasks = {0, 0x7f, 0x1f, 0x0f, 0x07};
  uint32_t point = static_cast<uint8_t>(text->front()) & kLeadMasks[size];
  for (size_t i = 1; i < size; ++i) {
    point = point << 6 | (static_cast<uint8_t>((*text)[i]) & 0x3f);
  }
  const Character character{point, text->substr(0, size)};
  text->remove_prefix(size);
  return character;
}

}  // namespace

size_t DisplayWidth(std::string_view utf8) {
  size_t width = 0;
  while (!utf8.empty()) {
    const uint32_t point = TakeCharacter(&utf8).point;
    if (IsIn(kCombining, point)) continue;
    width += IsIn(kWide, point) ? 2 : 1;
  }
  return width;
}

std::string Printable(std::string_view utf8) {
  std::string text;
  while (!utf8.empty()) {
    const Character character = TakeCharacter(&utf8);
    if (character.point < kFirstPrintable ||
        (character.point >= kDelete && character.point <= kLastControl)) {
      text += '?';
    } else {
      text += character.bytes;
    }
  }
  return text;
}

std::string CsvField(std::string_view text) {
  const bool blank_at_end =
      !text.empty() && (text.front() == ' ' || text.back() == ' ');
  if (!blank_at_end && text.find_first_of(",\"\r\n") == text.npos) {
    return std::string(text);
  }
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

void AppendCsvLine(const std::vector<std::string>& fields,
                   std::string_view line_end, std::string* out) {
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i != 0) *out += ',';
    *out += CsvField(fields[i]);
  }
  *out += line_end;
}

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

Table& Table::Add(std::vector<std::string> cells) {
  TONGCHOU_CHECK(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
  return *this;
}

std::string Table::Text() const {
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns_) lines[0].push_back(column.header);
  for (const auto& row : rows_) {
    std::vector<std::string>& line = lines.emplace_back();
    for (const std::string& cell : row) line.push_back(Printable(cell));
  }
  std::vector<size_t> widths(columns_.size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(line[i]));
    }
  }
  std::string text;
  for (const auto& line : lines) {
    std::string out;
    for (size_t i = 0; i < line.size(); ++i) {
      const std::string blanks(widths[i] - DisplayWidth(line[i]), ' ');
      if (i != 0) out.append(kGap, ' ');
      out += columns_[i].align == Align::kRight ? blanks + line[i]
                                                : line[i] + blanks;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    text += out + '\n';
  }
  return text;
}

std::string Table::Csv(bool with_header) const {
  std::string text;
  if (with_header) {
    std::vector<std::string> headers;
    for (const Column& column : columns_) headers.push_back(column.header);
    AppendCsvLine(headers, "\n", &text);
  }
  for (const auto& row : rows_) AppendCsvLine(row, "\n", &text);
  return text;
}

}  // namespace tongchou::cli
