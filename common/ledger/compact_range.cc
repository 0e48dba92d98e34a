#include "common/ledger/compact_range.h"

#include <bit>

#include "common/base/status.h"

namespace tongchou::ledger {
namespace {

constexpr std::string_view kLeafPrefix("\0", 1);
constexpr std::string_view kNodePrefix("\1", 1);
constexpr size_t kHashBytes = sizeof(Hash::bytes);
constexpr size_t kSizeBytes = 8;

}  // namespace

Hash EmptyRoot() { return base::Sha256(""); }

Hash HashLeaf(std::string_view leaf_data) {
  return base::Sha256Stream().Update(kLeafPrefix).Update(leaf_data).Finish();
}

Hash LeafHash(std::string_view header, const Hash& body_hash) {
  return base::Sha256Stream()
      .Update(kLeafPrefix)
      .Update(header)
      .Update(body_hash.view())
      .Finish();
}

Hash HashNode(const Hash& left, const Hash& right) {
  return base::Sha256Stream()
      .Update(kNodePrefix)
      .Update(left.view())
      .Update(right.view())
      .Finish();
}

void CompactRange::Append(const Hash& leaf, int level, Hash* completed) {
  Hash hash = leaf;
  int height = 0;
  for (uint64_t rest = size_; (rest & 1) != 0; rest >>= 1) {
    hash = HashNode(hashes_.back(), hash);
    hashes_.pop_back();
    if (++height == level) *completed = hash;
  }
  hashes_.push_back(hash);
  ++size_;
}

void CompactRange::AppendSubtree(const Hash& root, int level) {
  TONGCHOU_CHECK((size_ & ((uint64_t{1} << level) - 1)) == 0);
  Hash hash = root;
  for (uint64_t rest = size_ >> level; (rest & 1) != 0; rest >>= 1) {
    hash = HashNode(hashes_.back(), hash);
    hashes_.pop_back();
  }
  hashes_.push_back(hash);
  size_ += uint64_t{1} << level;
}

Hash CompactRange::Root() const {
  if (hashes_.empty()) return EmptyRoot();
  Hash root = hashes_.back();
  for (size_t i = hashes_.size() - 1; i-- > 0;) {
    root = HashNode(hashes_[i], root);
  }
  return root;
}

std::string CompactRange::Encode() const {
  std::string bytes;
  bytes.reserve(kSizeBytes + hashes_.size() * kHashBytes);
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(size_ >> shift & 0xff));
  }
  for (const Hash& hash : hashes_) bytes.append(hash.view());
  return bytes;
}

absl::StatusOr<CompactRange> CompactRange::Decode(std::string_view bytes) {
  CompactRange range;
  if (bytes.size() >= kSizeBytes) {
    for (const char c : bytes.substr(0, kSizeBytes)) {
      range.size_ = range.size_ << 8 | static_cast<uint8_t>(c);
    }
    bytes.remove_prefix(kSizeBytes);
    const auto count = static_cast<size_t>(std::popcount(range.size_));
    if (bytes.size() == count * kHashBytes) {
      for (size_t i = 0; i < count; ++i) {
        range.hashes_.push_back(
            Hash::FromView(bytes.substr(i * kHashBytes, kHashBytes)));
      }
      return range;
    }
  }
  return base::DataLossError("a compact range of {} bytes is cut or foreign",
                             bytes.size());
}

}  // namespace tongchou::ledger
