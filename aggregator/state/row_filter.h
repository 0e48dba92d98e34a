// Which persons may have rows of a type in the unified database: a set that
// never forgets and seldom says yes in error, so that new persons, the most of
// a load, need no read.
#pragma once

#include <atomic>
#include <string_view>
#include <thread>

#include "aggregator/state/unified_state.h"
#include "common/base/growing_bloom_filter.h"

namespace tongchou::aggregator {

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

  base::GrowingBloomFilter added_;
  base::GrowingBloomFilter stored_;  // the loader's until loaded_
  std::atomic<bool> loaded_ = false;
  std::atomic<bool> stopping_ = false;
  std::thread loader_;
};

}  // namespace tongchou::aggregator
