#include "common/base/key_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace tongchou::base
