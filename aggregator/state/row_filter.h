// Which persons may have rows of a type in the unified database: a set that
// never forgets and seldom says yes in error, so that new persons, the most of
// a load, need no read. Bloom filters of doubling size, each of blocks of one
// cache line; about 12 bits a key.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "aggregator/state/unified_state.h"

namespace tongchou::aggregator {

// Keys for which a filter is made at first, six megabytes: of one that has
// grown every layer is looked at, each a wait for memory.
inline constexpr size_t kFilterKeysFirst = 1 << 22;

// Grows. Not thread-safe.
class GrowingBloomFilter {
 public:
  explicit GrowingBloomFilter(size_t keys_first = kFilterKeysFirst)
      : keys_first_(keys_first) {}

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

// Keys are row keys or their beginnings, 'R' 01 person type; only packed
// persons are told apart, of others it always says that there may be rows.
// Adding is one thread's, and nobody asks meanwhile.
class RowFilter {
 public:
  // Reads what the database has on a thread of its own; until that is done
  // every answer is yes.
  explicit RowFilter(const UnifiedState* state);
  ~RowFilter();

  void Add(std::string_view row_key);
  bool MayHave(std::string_view row_key) const;
  // One of these will be called for the row key before long: each look at it
  // would wait for memory.
  void Expect(std::string_view row_key) const;
  bool loaded() const { return loaded_; }

 private:
  void Load(const StateSnapshot& snapshot);

  GrowingBloomFilter added_;
  GrowingBloomFilter stored_;  // the loader's until loaded_
  std::atomic<bool> loaded_ = false;
  std::atomic<bool> stopping_ = false;
  std::thread loader_;
};

}  // namespace tongchou::aggregator
