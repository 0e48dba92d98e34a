// Inclusion and consistency proofs of RFC 9162, section 2.1.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ledger/compact_range.h"

namespace tongchou::ledger {

using Proof = std::vector<Hash>;

// INVALID_ARGUMENT unless the proof shows that `leaf` is the entry at `index`
// of the tree with `size` entries and that root.
absl::Status VerifyInclusion(uint64_t index, uint64_t size, const Hash& leaf,
                             const Proof& proof, const Hash& root);

// INVALID_ARGUMENT unless the proof shows that the tree of new_size extends
// that of old_size. Size 0 has no proof.
absl::Status VerifyConsistency(uint64_t old_size, uint64_t new_size,
                               const Hash& old_root, const Hash& new_root,
                               const Proof& proof);

// Root of the subtree over leaves [begin, end): MTH(D[begin:end]). A log that
// keeps the hash of every 256 leaves answers aligned ranges from those.
using RangeHash =
    std::function<absl::StatusOr<Hash>(uint64_t begin, uint64_t end)>;

// OUT_OF_RANGE when there is no such proof.
absl::StatusOr<Proof> InclusionProof(uint64_t index, uint64_t size,
                                     const RangeHash& range_hash);
absl::StatusOr<Proof> ConsistencyProof(uint64_t old_size, uint64_t new_size,
                                       const RangeHash& range_hash);

}  // namespace tongchou::ledger
