// A log as static files (C2SP tlog-tiles v0.1.0), which any tool for such logs
// can read: tiles of 256 hashes, bundles of 256 entries. An entry is the leaf
// data, header and body hash: there is no personal data in it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/base/sha256.h"

namespace tongchou::ledger {

inline constexpr uint32_t kTileWidth = 256;
inline constexpr size_t kTileEntryBytesMax = 65'535;

// tile/0/x001/x234/067, tile/0/x001/x234/067.p/8; width kTileWidth is a full
// tile, less a partial one.
std::string TilePath(int level, uint64_t index, uint32_t width);
// tile/entries/000.p/8
std::string EntriesPath(uint64_t index, uint32_t width);

// Makes the files of a log from its entries in order. Keeps at most one
// unfinished tile of each level. Not thread-safe.
class TileBuilder {
 public:
  // Takes a file when it is finished; its error ends the call.
  using Sink =
      std::function<absl::Status(std::string_view path, std::string_view)>;

  explicit TileBuilder(Sink sink) : sink_(std::move(sink)) {}

  // INVALID_ARGUMENT when the leaf data is longer than kTileEntryBytesMax.
  absl::Status Add(std::string_view leaf_data, const base::Hash& leaf_hash);
  // The partial tiles at the end; nothing may be added after it.
  absl::Status Finish();

  uint64_t size() const { return size_; }

 private:
  absl::Status AddHash(size_t level, const base::Hash& hash);
  absl::Status WriteTile(size_t level);

  const Sink sink_;
  uint64_t size_ = 0;
  std::string entries_;                         // of the unfinished bundle
  std::vector<std::vector<base::Hash>> tiles_;  // unfinished, by level
  std::vector<uint64_t> finished_;              // tiles, by level
};

}  // namespace tongchou::ledger
