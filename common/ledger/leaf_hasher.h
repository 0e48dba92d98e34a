// The leaf hashes of many entries at once.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/ledger/compact_range.h"

namespace tongchou::ledger {

struct EntryParts {
  std::string_view header;
  std::string_view body;  // or the 32 bytes of its hash
  bool present = true;
};

// Reusable; not thread-safe.
class LeafHasher {
 public:
  // Of all entries, in order; until the next call.
  void Run(std::span<const EntryParts> entries);
  const std::vector<Hash>& body_hashes() const { return body_hashes_; }
  const std::vector<Hash>& leaf_hashes() const { return leaf_hashes_; }

 private:
  std::vector<std::string_view> messages_;
  std::string leaf_data_;
  std::vector<Hash> present_hashes_;
  std::vector<Hash> body_hashes_;
  std::vector<Hash> leaf_hashes_;
};

}  // namespace tongchou::ledger
