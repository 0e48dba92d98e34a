#include "common/base/display_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>

namespace tongchou::base {
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

std::string CutToWidth(std::string_view utf8, size_t width) {
  if (DisplayWidth(utf8) <= width) return std::string(utf8);
  std::string text;
  size_t used = 1;  // of what stands for the rest
  while (true) {
    const std::string_view bytes = TakeCharacter(&utf8).bytes;
    used += DisplayWidth(bytes);
    if (used > width) return width == 0 ? text : text + "…";
    text += bytes;
  }
}

}  // namespace tongchou::base
