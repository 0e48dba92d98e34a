#include "aggregator/state/row_filter.h"

#include <xxhash.h>

#include "common/base/logging.h"
#include "common/base/status.h"

namespace tongchou::aggregator {
namespace {

constexpr size_t kPrefixBytes = 1 + 1 + 8 + 1;  // 'R' 01 person type
constexpr size_t kBlockWords = 8;               // one cache line
constexpr size_t kBitsPerKey = 12;
constexpr int kProbes = 6;

bool IsPacked(std::string_view row_key) {
  return row_key.size() >= kPrefixBytes && row_key[0] == 'R' &&
         row_key[1] == 1 && static_cast<uint8_t>(row_key[2]) < 0x10;
}

uint64_t HashOf(std::string_view row_key) {
  return XXH3_64bits(row_key.data(), kPrefixBytes);
}

// The block by the upper bits, the bits in it by the lower ones.
size_t BlockOf(uint64_t hash, size_t blocks) {
  return static_cast<size_t>((hash >> 32) * blocks >> 32);
}

template <typename Visit>
bool ForEachBit(uint64_t hash, Visit visit) {
  auto low = static_cast<uint32_t>(hash);
  const uint32_t step = (low >> 17 | low << 15) | 1;
  for (int i = 0; i < kProbes; ++i) {
    if (!visit(low >> 23 >> 6, uint64_t{1} << (low >> 23 & 63))) return false;
    low += step;
  }
  return true;
}

}  // namespace

void GrowingBloomFilter::Add(uint64_t hash) {
  if (layers_.empty() || layers_.back().keys == layers_.back().keys_max) {
    Layer layer;
    layer.keys_max =
        layers_.empty() ? keys_first_ : layers_.back().keys_max * 2;
    layer.words.resize(layer.keys_max * kBitsPerKey / 64 / kBlockWords *
                       kBlockWords);
    layers_.push_back(std::move(layer));
  }
  Layer& layer = layers_.back();
  ++layer.keys;
  uint64_t* block =
      &layer.words[BlockOf(hash, layer.words.size() / kBlockWords) *
                   kBlockWords];
  ForEachBit(hash, [block](size_t word, uint64_t bit) {
    block[word] |= bit;
    return true;
  });
}

bool GrowingBloomFilter::MayHave(uint64_t hash) const {
  // The newest are the largest.
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    const uint64_t* block =
        &layer->words[BlockOf(hash, layer->words.size() / kBlockWords) *
                      kBlockWords];
    if (ForEachBit(hash, [block](size_t word, uint64_t bit) {
          return (block[word] & bit) != 0;
        })) {
      return true;
    }
  }
  return false;
}

void GrowingBloomFilter::Prefetch(uint64_t hash) const {
  for (const Layer& layer : layers_) {
    __builtin_prefetch(
        &layer.words[BlockOf(hash, layer.words.size() / kBlockWords) *
                     kBlockWords]);
  }
}

size_t GrowingBloomFilter::bytes() const {
  size_t words = 0;
  for (const Layer& layer : layers_) words += layer.words.size();
  return words * sizeof(uint64_t);
}

RowFilter::RowFilter(const UnifiedState* state)
    : loader_([this, snapshot = state->Snapshot()] { Load(*snapshot); }) {}

RowFilter::~RowFilter() {
  stopping_ = true;
  loader_.join();
}

void RowFilter::Load(const StateSnapshot& snapshot) {
  uint64_t last = 0;
  const absl::Status status =
      snapshot.Scan(std::string_view("R\1", 2), {},
                    [&](std::string_view key, std::string_view) {
                      if (IsPacked(key)) {
                        const uint64_t hash = HashOf(key);
                        if (hash != last) stored_.Add(hash);
                        last = hash;
                      }
                      return !stopping_;
                    });
  if (!status.ok()) {
    // Reading goes the long way; whoever reads meets the error and tells it.
    spdlog::error("unified database: {}", base::Describe(status));
    return;
  }
  loaded_ = !stopping_;
}

void RowFilter::Add(std::string_view row_key) {
  if (!IsPacked(row_key)) return;
  const uint64_t hash = HashOf(row_key);
  if (added_.MayHave(hash) || (loaded_ && stored_.MayHave(hash))) return;
  added_.Add(hash);
}

void RowFilter::Expect(std::string_view row_key) const {
  if (!IsPacked(row_key)) return;
  const uint64_t hash = HashOf(row_key);
  added_.Prefetch(hash);
  if (loaded_) stored_.Prefetch(hash);
}

bool RowFilter::MayHave(std::string_view row_key) const {
  if (!loaded_ || !IsPacked(row_key)) return true;
  const uint64_t hash = HashOf(row_key);
  return added_.MayHave(hash) || stored_.MayHave(hash);
}

}  // namespace tongchou::aggregator
