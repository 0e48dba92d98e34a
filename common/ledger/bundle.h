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
#include "common/ledger/leaf_hasher.h"

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

  // Adds the next entry.
  void Add(std::string_view header, std::string_view body);
  // The same with the body withheld: its hash stands for it.
  void AddWithheld(std::string_view header, const Hash& body_hash);
  size_t count() const { return places_.size(); }
  size_t raw_bytes() const { return headers_.size() + bodies_.size(); }
  // The bundle of what was added, empty afterwards. The leaf hashes of its
  // entries are added to `leaves`, unless that is null.
  std::string Finish(uint64_t first_sequence, std::vector<Hash>* leaves);
  std::string Finish(uint64_t first_sequence) {
    return Finish(first_sequence, nullptr);
  }

 private:
  struct Compressor;
  struct Place {  // of an entry in headers_ and bodies_
    size_t header = 0;
    size_t header_bytes = 0;
    size_t body = 0;
    size_t body_bytes = 0;
    bool present = true;
  };
  void AddHeader(std::string_view header, char presence);
  void AddLeaves(std::vector<Hash>* leaves);

  std::unique_ptr<Compressor> compressor_;
  std::string headers_;
  std::string bodies_;
  std::vector<Place> places_;
  std::vector<EntryParts> entries_;
  LeafHasher hasher_;
};

// Bytes that nobody has to clear before they are written.
class RawBytes {
 public:
  // What was there is gone; memory is kept and only grows.
  void Resize(size_t bytes) {
    if (bytes > capacity_) {
      data_ = std::make_unique_for_overwrite<char[]>(bytes);
      capacity_ = bytes;
    }
    size_ = bytes;
  }
  char* data() { return data_.get(); }
  size_t size() const { return size_; }
  std::string_view view() const { return {data_.get(), size_}; }

 private:
  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// A decoded bundle; reusable. Views live until the next Decode. Not
// thread-safe.
class Bundle {
 public:
  Bundle() = default;
  Bundle(const Bundle&) = delete;
  Bundle& operator=(const Bundle&) = delete;

  // DATA_LOSS says what is wrong; sizes are checked before memory is taken.
  absl::Status Decode(std::string_view bytes);

  const BundleRange& range() const { return range_; }
  uint64_t first_sequence() const { return range_.first_sequence; }
  size_t count() const { return entries_.size(); }
  std::string_view header(size_t i) const { return entries_[i].header; }
  // nullopt: withheld or erased.
  std::optional<std::string_view> body(size_t i) const;
  // Computed from the body where it is present, for all entries at once when
  // the first is asked for.
  const Hash& body_hash(size_t i) const { return Hashed().body_hashes()[i]; }
  const std::vector<Hash>& leaf_hashes() const {
    return Hashed().leaf_hashes();
  }
  const Hash& leaf_hash(size_t i) const { return leaf_hashes()[i]; }
  // The same into memory of the caller's.
  void HashInto(LeafHasher* hasher) const { hasher->Run(entries_); }
  // Uncompressed.
  size_t raw_bytes() const { return headers_.size() + bodies_.size(); }

 private:
  const LeafHasher& Hashed() const;
  absl::Status ReadHeaders();
  absl::Status ReadBodies();

  BundleRange range_;
  RawBytes headers_;
  RawBytes bodies_;
  std::vector<EntryParts> entries_;
  mutable LeafHasher hasher_;
  mutable bool hashed_ = false;
};

}  // namespace tongchou::ledger
