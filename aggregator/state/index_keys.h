// The index entries of a batch.
#pragma once

#include <optional>
#include <vector>

#include "aggregator/state/arena.h"
#include "aggregator/state/batch.h"
#include "aggregator/state/unified_state.h"
#include "common/records/row.h"

namespace tongchou::aggregator {

// Reusable; not thread-safe.
class IndexKeys {
 public:
  // Keys of what the changes bring, by key; what a record had before is
  // indexed already. They lie in the arena.
  std::vector<StatePut> Of(const Batch& batch, Arena* arena);

 private:
  void Add(const Change& change, Arena* arena, std::vector<StatePut>* keys);

  records::Row before_;
  records::Row after_;
};

}  // namespace tongchou::aggregator
