#include "common/ledger/tiles.h"

#include <utility>

#include "common/base/big_endian.h"
#include "common/base/status.h"
#include "common/ledger/compact_range.h"

namespace tongchou::ledger {
namespace {

// In groups of three digits, all but the last behind an x.
std::string IndexPath(uint64_t index, uint32_t width) {
  std::string path = fmt::format("{:03}", index % 1'000);
  for (index /= 1'000; index > 0; index /= 1'000) {
    path = fmt::format("x{:03}/{}", index % 1'000, path);
  }
  if (width < kTileWidth) path += fmt::format(".p/{}", width);
  return path;
}

}  // namespace

std::string TilePath(int level, uint64_t index, uint32_t width) {
  return fmt::format("tile/{}/{}", level, IndexPath(index, width));
}

std::string EntriesPath(uint64_t index, uint32_t width) {
  return "tile/entries/" + IndexPath(index, width);
}

absl::Status TileBuilder::Add(std::string_view leaf_data,
                              const base::Hash& leaf_hash) {
  if (leaf_data.size() > kTileEntryBytesMax) {
    return base::InvalidArgumentError("entry {} has {} bytes of at most {}",
                                      size_, leaf_data.size(),
                                      kTileEntryBytesMax);
  }
  base::AppendBigEndian<2>(leaf_data.size(), &entries_);
  entries_ += leaf_data;
  ++size_;
  if (size_ % kTileWidth == 0) {
    RETURN_IF_ERROR(
        sink_(EntriesPath(size_ / kTileWidth - 1, kTileWidth), entries_));
    entries_.clear();
  }
  return AddHash(0, leaf_hash);
}

absl::Status TileBuilder::AddHash(size_t level, const base::Hash& hash) {
  if (level == tiles_.size()) {
    tiles_.emplace_back();
    finished_.push_back(0);
  }
  tiles_[level].push_back(hash);
  if (tiles_[level].size() < kTileWidth) return absl::OkStatus();
  CompactRange whole;
  for (const base::Hash& one : tiles_[level]) whole.Append(one);
  RETURN_IF_ERROR(WriteTile(level));
  return AddHash(level + 1, whole.Root());
}

absl::Status TileBuilder::WriteTile(size_t level) {
  const std::vector<base::Hash> hashes = std::exchange(tiles_[level], {});
  std::string bytes;
  for (const base::Hash& hash : hashes) bytes += hash.view();
  const std::string path = TilePath(static_cast<int>(level), finished_[level]++,
                                    static_cast<uint32_t>(hashes.size()));
  return sink_(path, bytes);
}

absl::Status TileBuilder::Finish() {
  const auto width = static_cast<uint32_t>(size_ % kTileWidth);
  if (width != 0) {
    RETURN_IF_ERROR(sink_(EntriesPath(size_ / kTileWidth, width), entries_));
  }
  for (size_t level = 0; level < tiles_.size(); ++level) {
    if (!tiles_[level].empty()) RETURN_IF_ERROR(WriteTile(level));
  }
  return absl::OkStatus();
}

}  // namespace tongchou::ledger
