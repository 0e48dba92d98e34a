// The Merkle tree of RFC 6962 / RFC 9162 over SHA-256, as far as appending and
// replaying need it: the roots of its complete subtrees.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/sha256.h"

namespace tongchou::ledger {

using base::Hash;

inline constexpr char kLeafPrefix = 0;
inline constexpr char kNodePrefix = 1;

// SHA-256("").
Hash EmptyRoot();
// SHA-256(0x00 || leaf data).
Hash HashLeaf(std::string_view leaf_data);
// The leaf of an entry: leaf data = header || body hash.
Hash LeafHash(std::string_view header, const Hash& body_hash);
// SHA-256(0x01 || left || right).
Hash HashNode(const Hash& left, const Hash& right);

// At most 64 hashes stand for a tree of any size. Copyable; not thread-safe.
class CompactRange {
 public:
  uint64_t size() const { return size_; }
  void Append(const Hash& leaf) { AppendSubtree(leaf, 0); }
  // The same as one by one, in about half of the time.
  void Append(std::span<const Hash> leaves);
  // The roots of the subtrees of 2^level leaves that they complete come to
  // `completed`, from left to right.
  void Append(std::span<const Hash> leaves, int level,
              std::vector<Hash>* completed);
  // Appends a complete subtree over 2^level leaves; the size must be a
  // multiple of 2^level.
  void AppendSubtree(const Hash& root, int level);
  Hash Root() const;

  // Size (u64 big-endian), then the hashes from left to right.
  std::string Encode() const;
  // DATA_LOSS unless Encode wrote it.
  static absl::StatusOr<CompactRange> Decode(std::string_view bytes);

  bool operator==(const CompactRange&) const = default;

 private:
  uint64_t size_ = 0;
  std::vector<Hash> hashes_;  // left to right, one per 1-bit of size
};

}  // namespace tongchou::ledger
