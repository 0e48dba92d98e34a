// A hash table that grows a part at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "common/base/hash128.h"

namespace tongchou::base {
namespace internal {

inline constexpr size_t kSpreadParts = 32;
// So many leading bits of a hash say which part has it.
inline constexpr int kSpreadBits = 9;

// The parts have 32, 33 ... 63 of so many shares of all entries.
constexpr size_t SpreadSharesBefore(size_t part) {
  return kSpreadParts * part + part * (part - 1) / 2;
}
inline constexpr size_t kSpreadShares = SpreadSharesBefore(kSpreadParts);

constexpr auto MakeSpreadPlaces() {
  std::array<uint8_t, size_t{1} << kSpreadBits> places{};
  for (size_t i = 0, part = 0; i < places.size(); ++i) {
    while (SpreadSharesBefore(part + 1) * places.size() <= i * kSpreadShares) {
      ++part;
    }
    places[i] = static_cast<uint8_t>(part);
  }
  return places;
}
inline constexpr auto kSpreadPlaces = MakeSpreadPlaces();

}  // namespace internal

// Values by hash. A table that doubles moves all that it has at once, and holds
// its user up as long. This one is of parts, the last expected to have twice as
// many entries as the first: while it doubles, they do one after the other. An
// entry takes 1.65 places of 17 bytes and the value, however many there are.
// Not thread-safe.
template <typename Value>
class SpreadTable {
 public:
  static constexpr size_t kParts = internal::kSpreadParts;

  // nullptr: it is not there. Good until the next change.
  const Value* Find(const Hash128& hash) const {
    const Part& part = parts_[PartOf(hash)];
    const auto found = part.find(hash);
    return found == part.end() ? nullptr : &found->second;
  }
  // The value that is there now, and whether it was not there before.
  std::pair<Value*, bool> TryEmplace(const Hash128& hash, const Value& value) {
    const auto [at, added] = parts_[PartOf(hash)].try_emplace(hash, value);
    size_ += added;
    return {&at->second, added};
  }
  void Set(const Hash128& hash, const Value& value) {
    const auto [at, added] = TryEmplace(hash, value);
    if (!added) *at = value;
  }
  void Erase(const Hash128& hash) { size_ -= parts_[PartOf(hash)].erase(hash); }
  // Has the processor fetch what Find looks at.
  void Prefetch(const Hash128& hash) const {
    parts_[PartOf(hash)].prefetch(hash);
  }
  // Takes the memory for so many at once.
  void Reserve(size_t entries) {
    for (size_t i = 0; i < kParts; ++i) {
      parts_[i].reserve(entries * (kParts + i) / internal::kSpreadShares);
    }
  }
  size_t size() const { return size_; }
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (const Part& part : parts_) {
      for (const auto& [hash, value] : part) visit(hash, value);
    }
  }

 private:
  using Part = absl::flat_hash_map<Hash128, Value>;
  static size_t PartOf(const Hash128& hash) {
    return internal::kSpreadPlaces[hash.high >> (64 - internal::kSpreadBits)];
  }

  std::array<Part, kParts> parts_;
  size_t size_ = 0;
};

}  // namespace tongchou::base
