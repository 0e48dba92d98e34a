#include "common/base/growing_bloom_filter.h"

#include <utility>

namespace tongchou::base {
namespace {

constexpr size_t kBlockWords = 8;  // one cache line
constexpr size_t kBitsPerKey = 12;
constexpr int kProbes = 6;

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

}  // namespace tongchou::base
