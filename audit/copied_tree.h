// The Merkle tree of a copied log, for proofs: one hash per 256 entries stays
// in memory, and every leaf of those places that were asked for.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "audit/archive.h"
#include "common/ledger/proof.h"

namespace tongchou::audit {

// Not thread-safe.
class CopiedTree {
 public:
  // Reads the bundles once, up to `size`. `places` are entries and sizes around
  // which proofs will be asked for. DATA_LOSS when the copy is cut or cannot be
  // read.
  static absl::StatusOr<CopiedTree> Read(const Archive& archive, uint32_t city,
                                         uint64_t size,
                                         const std::set<uint64_t>& places);

  uint64_t size() const { return size_; }
  const ledger::Hash& root() const { return root_; }
  absl::StatusOr<ledger::Proof> Inclusion(uint64_t index) const;
  // From an older size to size().
  absl::StatusOr<ledger::Proof> Consistency(uint64_t old_size) const;

 private:
  absl::Status Take(std::string_view bytes, const std::set<uint64_t>& tiles);
  absl::StatusOr<ledger::Hash> RangeHash(uint64_t begin, uint64_t end) const;

  uint64_t size_ = 0;
  uint64_t wanted_size_ = 0;
  ledger::Hash root_;
  ledger::CompactRange range_;
  ledger::CompactRange tile_;  // the unfinished one
  std::vector<ledger::Hash> tiles_;
  std::map<uint64_t, std::vector<ledger::Hash>> leaves_;  // by tile
};

}  // namespace tongchou::audit
