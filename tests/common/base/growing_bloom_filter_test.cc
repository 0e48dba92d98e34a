#include "common/base/growing_bloom_filter.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

namespace tongchou::base {
namespace {

TEST(GrowingBloomFilterTest, ForgetsNothingAndSeldomErrs) {
  GrowingBloomFilter filter(1 << 17);
  std::mt19937_64 random(1);
  std::vector<uint64_t> added(600'000);  // three layers
  for (uint64_t& hash : added) filter.Add(hash = random());
  for (const uint64_t hash : added) ASSERT_TRUE(filter.MayHave(hash));
  int errors = 0;
  for (int i = 0; i < 100'000; ++i) errors += filter.MayHave(random());
  EXPECT_LT(errors, 2'000);
  EXPECT_LT(filter.bytes(), added.size() * 12 / 8 * 2);
}

}  // namespace
}  // namespace tongchou::base
