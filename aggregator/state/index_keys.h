// The index entries of a batch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/state/arena.h"
#include "aggregator/state/batch.h"
#include "aggregator/state/unified_state.h"
#include "common/records/row.h"

namespace tongchou::aggregator {

// Reusable; not thread-safe.
class IndexKeys {
 public:
  enum Which {
    kNew,  // what a record had before is indexed already
    kAll,  // what it was before is not looked at
  };
  // Keys of what the changes bring, by key. They lie in the arena.
  std::vector<StatePut> Of(const Batch& batch, Which which, Arena* arena);

 private:
  // One change's value of a field.
  struct Entry {
    uint32_t change;
    std::string_view component;
  };
  struct Field {
    std::string_view code;
    std::vector<Entry> entries;  // in the order of the changes
  };

  void Add(const Batch& batch, size_t index, Which which, Arena* arena);
  std::vector<Entry>& EntriesOf(std::string_view code);

  std::vector<Field> fields_;
  records::Row before_;
  records::Row after_;
  std::string component_;
  std::string component_before_;
};

}  // namespace tongchou::aggregator
