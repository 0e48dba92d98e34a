// Stands for bytes in a table that does not keep them. Under a random seed
// nobody can make two that are equal; nothing is proved by it.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

namespace tongchou::base {

struct Hash128 {
  uint64_t low;
  uint64_t high;
  bool operator==(const Hash128&) const = default;
  template <typename H>
  friend H AbslHashValue(H state, const Hash128& hash) {
    return H::combine(std::move(state), hash.low);
  }
};

// XXH3 over the bytes.
Hash128 Hash128Of(std::string_view bytes, uint64_t seed = 0);

}  // namespace tongchou::base
