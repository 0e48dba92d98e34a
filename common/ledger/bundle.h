// Bundles: the entries of a group commit as they are stored and shipped.
//
//   "TCB1"
//   varints: first sequence, count, headers raw bytes, headers zstd bytes,
//            bodies raw bytes, bodies zstd bytes
//   zstd frame: per entry  varint length, header, 00            body follows
//                          varint length, header, 01, hash (32) body withheld
//   zstd frame: per present body  varint length, body
//
// Identity lies in leaf hashes, never in these bytes: a bundle may be
// compressed again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ledger/compact_range.h"

namespace tongchou::ledger {

// A bundle is closed at this many entries, where a transaction ends.
inline constexpr uint32_t kBundleEntriesTarget = 256;
// A transaction is never split: its bounds are those of a bundle.
inline constexpr uint32_t kTransactionChangesMax = 10'000;
inline constexpr size_t kTransactionBytesMax = 4 << 20;
inline constexpr uint32_t kBundleEntriesMax =
    kBundleEntriesTarget + kTransactionChangesMax;
// Raw bytes of either frame.
inline constexpr size_t kBundleFrameBytesMax = 16 << 20;

struct BundleRange {
  uint64_t first_sequence = 0;
  uint64_t count = 0;
  uint64_t end() const { return first_sequence + count; }
};
// The first fields alone. DATA_LOSS when the bytes are no bundle.
absl::StatusOr<BundleRange> PeekBundle(std::string_view bytes);

// Builds bundles; keeps its memory between them. Not thread-safe.
class BundleWriter {
 public:
  BundleWriter();
  ~BundleWriter();

  // Adds the next entry and returns its leaf hash.
  Hash Add(std::string_view header, std::string_view body);
  // The same with the body withheld: its hash stands for it.
  Hash AddWithheld(std::string_view header, const Hash& body_hash);
  uint32_t count() const { return count_; }
  size_t raw_bytes() const { return headers_.size() + bodies_.size(); }
  // The bundle of what was added, empty afterwards.
  std::string Finish(uint64_t first_sequence);

 private:
  struct Compressor;
  void AddHeader(std::string_view header, char presence);
  std::unique_ptr<Compressor> compressor_;
  std::string headers_;
  std::string bodies_;
  uint32_t count_ = 0;
};

// A decoded bundle; reusable. Views live until the next Decode. Not
// thread-safe.
class Bundle {
 public:
  // DATA_LOSS says what is wrong; sizes are checked before memory is taken.
  absl::Status Decode(std::string_view bytes);

  uint64_t first_sequence() const { return range_.first_sequence; }
  size_t count() const { return entries_.size(); }
  std::string_view header(size_t i) const { return entries_[i].header; }
  // nullopt: withheld or erased.
  std::optional<std::string_view> body(size_t i) const;
  // Computed from the body where it is present.
  Hash body_hash(size_t i) const;
  Hash leaf_hash(size_t i) const { return LeafHash(header(i), body_hash(i)); }

 private:
  struct Entry {
    std::string_view header;
    std::string_view body;  // or the 32 bytes of its hash
    bool present = true;
  };
  absl::Status ReadHeaders();
  absl::Status ReadBodies();

  BundleRange range_;
  std::string headers_;
  std::string bodies_;
  std::vector<Entry> entries_;
};

}  // namespace tongchou::ledger
