// Sorting many byte strings by a look at their first bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/big_endian.h"

namespace tongchou::base {

// The positions of `count` keys, below 2^32, in the order of the keys; equal
// keys in the order of their positions. `key(i)` is a std::string_view; all
// keys have their first `common` bytes in common. The 16 bytes behind these are
// compared as numbers, which settles nearly all comparisons without following
// a pointer.
template <typename Key>
std::vector<uint32_t> KeyOrder(size_t count, size_t common, const Key& key) {
  constexpr uint32_t kBytes = 16;
  struct Place {
    uint64_t high;
    uint64_t low;
    uint32_t position;
    uint32_t size;  // kBytes + 1 for all that are longer
  };
  std::vector<Place> places;
  places.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const std::string_view rest = std::string_view(key(i)).substr(common);
    char bytes[kBytes] = {};
    rest.copy(bytes, kBytes);
    places.push_back(
        {ReadBigEndian({bytes, 8}), ReadBigEndian({bytes + 8, 8}),
         static_cast<uint32_t>(i),
         static_cast<uint32_t>(std::min<size_t>(rest.size(), kBytes + 1))});
  }
  std::sort(places.begin(), places.end(), [&](const Place& a, const Place& b) {
    if (a.high != b.high) return a.high < b.high;
    if (a.low != b.low) return a.low < b.low;
    if (a.size <= kBytes || b.size <= kBytes) {
      return a.size != b.size ? a.size < b.size : a.position < b.position;
    }
    const int order =
        std::string_view(key(a.position)).compare(key(b.position));
    return order != 0 ? order < 0 : a.position < b.position;
  });
  std::vector<uint32_t> order;
  order.reserve(count);
  for (const Place& place : places) order.push_back(place.position);
  return order;
}

}  // namespace tongchou::base
