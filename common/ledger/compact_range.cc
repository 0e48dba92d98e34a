#include "common/ledger/compact_range.h"

#include <bit>

#include "common/base/cpu_account.h"
#include "common/base/status.h"

namespace tongchou::ledger {
namespace {

base::CpuAccount hashing("hash");

constexpr std::string_view kLeafStart(&kLeafPrefix, 1);
constexpr std::string_view kNodeStart(&kNodePrefix, 1);
constexpr size_t kHashBytes = sizeof(Hash::bytes);
constexpr size_t kSizeBytes = 8;
constexpr size_t kNodeBytes = 1 + 2 * kHashBytes;

// Turns neighbours into their parents; the number of hashes is even.
void ToParents(std::vector<Hash>* hashes) {
  const size_t parents = hashes->size() / 2;
  std::string data;
  data.reserve(parents * kNodeBytes);
  std::vector<std::string_view> messages;
  messages.reserve(parents);
  for (size_t i = 0; i < parents; ++i) {
    data.push_back(kNodePrefix);
    data += (*hashes)[2 * i].view();
    data += (*hashes)[2 * i + 1].view();
    messages.emplace_back(data.data() + i * kNodeBytes, kNodeBytes);
  }
  hashes->resize(parents);
  base::Sha256Each(messages, *hashes);
}

}  // namespace

Hash EmptyRoot() { return base::Sha256(""); }

Hash HashLeaf(std::string_view leaf_data) {
  return base::Sha256Stream().Update(kLeafStart).Update(leaf_data).Finish();
}

Hash LeafHash(std::string_view header, const Hash& body_hash) {
  return base::Sha256Stream()
      .Update(kLeafStart)
      .Update(header)
      .Update(body_hash.view())
      .Finish();
}

Hash HashNode(const Hash& left, const Hash& right) {
  return base::Sha256Stream()
      .Update(kNodeStart)
      .Update(left.view())
      .Update(right.view())
      .Finish();
}

void CompactRange::Append(std::span<const Hash> leaves) {
  Append(leaves, 0, nullptr);
}

// Level by level: what stands alone at a level waits there, the rest goes up in
// pairs.
void CompactRange::Append(std::span<const Hash> leaves, int level,
                          std::vector<Hash>* completed) {
  const base::CpuScope scope(hashing);
  std::vector<Hash> nodes(leaves.begin(), leaves.end());
  std::vector<Hash> alone;  // from right to left
  uint64_t rest = size_;
  for (int height = 0; !nodes.empty(); ++height, rest >>= 1) {
    if (height == level && completed != nullptr) {
      completed->insert(completed->end(), nodes.begin(), nodes.end());
    }
    if ((rest & 1) != 0) {
      nodes.insert(nodes.begin(), hashes_.back());
      hashes_.pop_back();
    }
    if (nodes.size() % 2 != 0) {
      alone.push_back(nodes.back());
      nodes.pop_back();
    }
    ToParents(&nodes);
  }
  hashes_.insert(hashes_.end(), alone.rbegin(), alone.rend());
  size_ += leaves.size();
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
