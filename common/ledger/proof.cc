#include "common/ledger/proof.h"

#include <algorithm>
#include <bit>

#include "common/base/status.h"

namespace tongchou::ledger {
namespace {

absl::Status Refused(std::string_view what) {
  return base::InvalidArgumentError("the proof does not hold: {}", what);
}

// Largest power of two below n, n > 1.
uint64_t SplitPoint(uint64_t n) { return std::bit_floor(n - 1); }

// One step upwards in the tree; both indexes lose a bit, and further bits while
// the node is a left edge without a sibling.
void Ascend(uint64_t* fn, uint64_t* sn) {
  *fn >>= 1;
  *sn >>= 1;
}

void SkipLonelyLevels(uint64_t* fn, uint64_t* sn) {
  while ((*fn & 1) == 0 && *fn != 0) Ascend(fn, sn);
}

}  // namespace

absl::Status VerifyInclusion(uint64_t index, uint64_t size, const Hash& leaf,
                             const Proof& proof, const Hash& root) {
  if (index >= size) return Refused("the index lies outside the tree");
  uint64_t fn = index;
  uint64_t sn = size - 1;
  Hash hash = leaf;
  for (const Hash& sibling : proof) {
    if (sn == 0) return Refused("it is too long");
    if ((fn & 1) != 0 || fn == sn) {
      hash = HashNode(sibling, hash);
      SkipLonelyLevels(&fn, &sn);
    } else {
      hash = HashNode(hash, sibling);
    }
    Ascend(&fn, &sn);
  }
  if (sn != 0) return Refused("it is too short");
  return hash == root ? absl::OkStatus() : Refused("another root comes out");
}

absl::Status VerifyConsistency(uint64_t old_size, uint64_t new_size,
                               const Hash& old_root, const Hash& new_root,
                               const Proof& proof) {
  if (old_size == 0) return Refused("nothing extends an empty tree");
  if (old_size > new_size) return Refused("the tree has shrunk");
  if (old_size == new_size) {
    if (!proof.empty()) return Refused("it is too long");
    return old_root == new_root ? absl::OkStatus()
                                : Refused("two roots at one size");
  }
  if (proof.empty()) return Refused("it is empty");
  // The complete old tree is its own first node: the proof leaves it out.
  const bool complete = std::has_single_bit(old_size);
  uint64_t fn = old_size - 1;
  uint64_t sn = new_size - 1;
  while ((fn & 1) != 0) Ascend(&fn, &sn);
  Hash first = complete ? old_root : proof[0];
  Hash second = first;
  for (size_t i = complete ? 0 : 1; i < proof.size(); ++i) {
    if (sn == 0) return Refused("it is too long");
    if ((fn & 1) != 0 || fn == sn) {
      first = HashNode(proof[i], first);
      second = HashNode(proof[i], second);
      SkipLonelyLevels(&fn, &sn);
    } else {
      second = HashNode(second, proof[i]);
    }
    Ascend(&fn, &sn);
  }
  if (sn != 0) return Refused("it is too short");
  if (first != old_root) return Refused("another old root comes out");
  if (second != new_root) return Refused("another new root comes out");
  return absl::OkStatus();
}

absl::StatusOr<Proof> InclusionProof(uint64_t index, uint64_t size,
                                     const RangeHash& range_hash) {
  if (index >= size) {
    return base::OutOfRangeError("entry {} is not among the first {}", index,
                                 size);
  }
  Proof proof;
  uint64_t begin = 0;
  uint64_t end = size;
  while (end - begin > 1) {
    const uint64_t middle = begin + SplitPoint(end - begin);
    const bool left = index < middle;
    ASSIGN_OR_RETURN(const Hash sibling, left ? range_hash(middle, end)
                                              : range_hash(begin, middle));
    proof.push_back(sibling);
    (left ? end : begin) = middle;
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

absl::StatusOr<Proof> ConsistencyProof(uint64_t old_size, uint64_t new_size,
                                       const RangeHash& range_hash) {
  if (old_size == 0 || old_size > new_size) {
    return base::OutOfRangeError("no proof leads from size {} to size {}",
                                 old_size, new_size);
  }
  Proof proof;
  uint64_t begin = 0;
  uint64_t end = new_size;
  while (old_size != end) {
    const uint64_t middle = begin + SplitPoint(end - begin);
    const bool left = old_size <= middle;
    ASSIGN_OR_RETURN(const Hash sibling, left ? range_hash(middle, end)
                                              : range_hash(begin, middle));
    proof.push_back(sibling);
    (left ? end : begin) = middle;
  }
  if (begin != 0) {
    ASSIGN_OR_RETURN(const Hash known, range_hash(begin, end));
    proof.push_back(known);
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

}  // namespace tongchou::ledger
