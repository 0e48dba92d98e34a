#include "common/base/key_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <string>

namespace tongchou::base {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<uint32_t> Order(const std::vector<std::string>& keys,
                            size_t common) {
  return KeyOrder(keys.size(), common,
                  [&](size_t i) { return std::string_view(keys[i]); });
}

TEST(KeyOrderTest, EqualKeysKeepTheirOrder) {
  EXPECT_THAT(Order({}, 0), IsEmpty());
  EXPECT_THAT(Order({"b", "a", "b", "a"}, 0), ElementsAre(1, 3, 0, 2));
}

// Behind the bytes that are compared as numbers, and where a key ends in
// zeros that the numbers cannot tell from its end.
TEST(KeyOrderTest, IsThatOfTheBytes) {
  std::mt19937_64 random(1);
  for (const size_t common : {0u, 1u}) {
    std::vector<std::string> keys;
    for (int i = 0; i < 3'000; ++i) {
      std::string key(common, 'R');
      const size_t length = random() % 24;
      for (size_t at = 0; at < length; ++at) {
        key.push_back("\0\1\xff"[random() % 3]);
      }
      keys.push_back(std::move(key));
    }
    std::vector<uint32_t> expected(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      expected[i] = static_cast<uint32_t>(i);
    }
    std::stable_sort(expected.begin(), expected.end(),
                     [&](uint32_t a, uint32_t b) { return keys[a] < keys[b]; });
    EXPECT_EQ(Order(keys, common), expected);
  }
}

std::string KeyOf(uint64_t high, uint64_t low) {
  std::string key;
  AppendBigEndian<8>(high, &key);
  AppendBigEndian<8>(low, &key);
  return key;
}

// Clusters within clusters, far outliers, the ends of the range, and many keys
// that differ only behind their first eight bytes.
TEST(KeyOrderTest, DoesNotDependOnHowKeysLie) {
  std::mt19937_64 random(2);
  for (const size_t count : {1u, 48u, 49u, 1'000u, 20'000u}) {
    std::vector<std::string> keys;
    for (size_t i = 0; i < count; ++i) {
      const uint64_t number = random();
      switch (random() % 6) {
        case 0:  // each bit as likely the highest one
          keys.push_back(KeyOf(number >> (random() % 64), 0));
          break;
        case 1:
          keys.push_back(KeyOf(~(number >> (random() % 64)), 0));
          break;
        case 2:
          keys.push_back(KeyOf(0x0136'0102'0000'0000 + number % 100, i));
          break;
        case 3:
          keys.push_back(KeyOf(0x0136'0102'0000'0007, number % 50));
          break;
        case 4:
          keys.push_back(KeyOf(random() % 2 == 0 ? 0 : UINT64_MAX, number));
          break;
        default:
          keys.push_back(KeyOf(number, number));
      }
    }
    std::vector<uint32_t> expected(keys.size());
    std::iota(expected.begin(), expected.end(), 0u);
    std::stable_sort(expected.begin(), expected.end(),
                     [&](uint32_t a, uint32_t b) { return keys[a] < keys[b]; });
    EXPECT_EQ(Order(keys, 0), expected);
  }
}

}  // namespace
}  // namespace tongchou::base
