#include "common/base/hash128.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tongchou::base {

Hash128 Hash128Of(std::string_view bytes, uint64_t seed) {
  const XXH128_hash_t hash =
      XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {hash.low64, hash.high64};
}

}  // namespace tongchou::base
