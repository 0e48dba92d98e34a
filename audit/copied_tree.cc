#include "audit/copied_tree.h"

#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/compact_range.h"

namespace tongchou::audit {
namespace {

constexpr int kTileLevel = 8;
constexpr uint64_t kTileLeaves = 1 << kTileLevel;

}  // namespace

absl::StatusOr<CopiedTree> CopiedTree::Read(const Archive& archive,
                                            uint32_t city, uint64_t size,
                                            const std::set<uint64_t>& places) {
  std::set<uint64_t> tiles = {size / kTileLeaves};
  for (const uint64_t place : places) tiles.insert(place / kTileLeaves);
  CopiedTree tree;
  tree.wanted_size_ = size;
  RETURN_IF_ERROR(
      ReadPieces(archive.bundles(city), [&](std::string_view bytes) {
        return tree.Take(bytes, tiles);
      }).status());
  if (tree.size_ != size) {
    return base::DataLossError(
        "{}: the copy has {} entries, not {}; fetch it "
        "again",
        LogName(city), tree.size_, size);
  }
  tree.root_ = tree.range_.Root();
  return tree;
}

absl::Status CopiedTree::Take(std::string_view bytes,
                              const std::set<uint64_t>& tiles) {
  if (size_ == wanted_size_) return absl::OkStatus();
  ledger::Bundle bundle;
  RETURN_IF_ERROR(bundle.Decode(bytes));
  if (bundle.first_sequence() != size_) {
    return base::DataLossError("a bundle begins at entry {} where {} is next",
                               bundle.first_sequence(), size_);
  }
  for (size_t i = 0; i < bundle.count() && size_ < wanted_size_; ++i) {
    const ledger::Hash leaf = bundle.leaf_hash(i);
    const uint64_t tile = size_ / kTileLeaves;
    if (tiles.contains(tile)) leaves_[tile].push_back(leaf);
    range_.Append(leaf);
    tile_.Append(leaf);
    if (++size_ % kTileLeaves != 0) continue;
    tiles_.push_back(tile_.Root());
    tile_ = {};
  }
  return absl::OkStatus();
}

absl::StatusOr<ledger::Hash> CopiedTree::RangeHash(uint64_t begin,
                                                   uint64_t end) const {
  ledger::CompactRange range;
  uint64_t at = begin;
  if (begin % kTileLeaves == 0) {
    for (; at + kTileLeaves <= end; at += kTileLeaves) {
      range.AppendSubtree(tiles_[at / kTileLeaves], kTileLevel);
    }
  }
  for (; at < end; ++at) {
    const auto tile = leaves_.find(at / kTileLeaves);
    if (tile == leaves_.end()) {
      return base::InternalError("the leaves around {} were not kept", at);
    }
    range.Append(tile->second[at % kTileLeaves]);
  }
  return range.Root();
}

absl::StatusOr<ledger::Proof> CopiedTree::Inclusion(uint64_t index) const {
  return ledger::InclusionProof(
      index, size_,
      [this](uint64_t begin, uint64_t end) { return RangeHash(begin, end); });
}

absl::StatusOr<ledger::Proof> CopiedTree::Consistency(uint64_t old_size) const {
  return ledger::ConsistencyProof(
      old_size, size_,
      [this](uint64_t begin, uint64_t end) { return RangeHash(begin, end); });
}

}  // namespace tongchou::audit
