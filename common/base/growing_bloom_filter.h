// A set of hashes that never forgets and seldom says yes in error. Bloom
// filters of doubling size, each of blocks of one cache line; about 12 bits a
// key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tongchou::base {

// Keys for which a filter is made at first, six megabytes: of one that has
// grown every layer is looked at, each a wait for memory.
inline constexpr size_t kFilterKeysFirst = 1 << 22;

// Not thread-safe.
class GrowingBloomFilter {
 public:
  explicit GrowingBloomFilter(size_t keys_first = kFilterKeysFirst)
      : keys_first_(keys_first) {}

  // Hashes are spread evenly over all 64 bits.
  void Add(uint64_t hash);
  bool MayHave(uint64_t hash) const;
  // Has the processor fetch what these look at.
  void Prefetch(uint64_t hash) const;
  size_t bytes() const;

 private:
  struct Layer {
    std::vector<uint64_t> words;
    size_t keys = 0;
    size_t keys_max = 0;
  };
  const size_t keys_first_;
  std::vector<Layer> layers_;
};

}  // namespace tongchou::base
