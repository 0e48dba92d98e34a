#include "common/base/spread_table.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

namespace tongchou::base {
namespace {

Hash128 HashOf(uint64_t i) {
  return Hash128Of(std::string_view(reinterpret_cast<const char*>(&i), 8));
}

TEST(SpreadTable, HoldsWhatAMapHolds) {
  SpreadTable<uint64_t> table;
  std::map<uint64_t, uint64_t> map;
  uint64_t random = 1;
  for (uint64_t i = 0; i < 50'000; ++i) {
    random = random * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
    const uint64_t key = random >> 52;
    switch (random >> 40 & 3) {
      case 0:
        table.Erase(HashOf(key));
        map.erase(key);
        break;
      case 1:
        table.Set(HashOf(key), i);
        map[key] = i;
        break;
      default: {
        const auto [value, added] = table.TryEmplace(HashOf(key), i);
        const auto [at, expected] = map.try_emplace(key, i);
        EXPECT_EQ(added, expected);
        EXPECT_EQ(*value, at->second);
      }
    }
    ASSERT_EQ(table.size(), map.size());
  }
  for (uint64_t key = 0; key < 4'096; ++key) {
    const uint64_t* value = table.Find(HashOf(key));
    const auto at = map.find(key);
    ASSERT_EQ(value != nullptr, at != map.end()) << key;
    if (value != nullptr) {
      EXPECT_EQ(*value, at->second);
    }
  }
  uint64_t sum = 0;
  table.ForEach([&](const Hash128&, uint64_t value) { sum += value; });
  for (const auto& [key, value] : map) sum -= value;
  EXPECT_EQ(sum, 0u);
}

// Whoever adds one entry never waits for all to be moved.
TEST(SpreadTable, GrowsAPartAtATime) {
  constexpr uint64_t kFirst = 100'000;
  SpreadTable<uint64_t> table;
  for (uint64_t i = 0; i < kFirst; ++i) table.Set(HashOf(i), i);
  std::vector<const uint64_t*> places(kFirst);
  const auto moved = [&] {
    uint64_t count = 0;
    for (uint64_t i = 0; i < kFirst; ++i) {
      const uint64_t* place = table.Find(HashOf(i));
      count += place != places[i];
      places[i] = place;
    }
    return count;
  };
  moved();
  uint64_t all = 0;
  for (uint64_t next = kFirst; next < 2 * kFirst;) {
    for (int i = 0; i < 1'000; ++i, ++next) table.Set(HashOf(next), next);
    const uint64_t now = moved();
    EXPECT_LT(now, kFirst / 8) << next;
    all += now;
  }
  // While it doubles, each is moved once.
  EXPECT_GT(all, kFirst * 9 / 10);
  EXPECT_LT(all, kFirst * 11 / 10);
}

TEST(SpreadTable, WhatIsReservedIsNotMoved) {
  constexpr uint64_t kEntries = 100'000;
  SpreadTable<uint64_t> table;
  table.Reserve(kEntries);
  std::vector<const uint64_t*> places;
  for (uint64_t i = 0; i < kEntries * 9 / 10; ++i) {
    places.push_back(table.TryEmplace(HashOf(i), i).first);
  }
  uint64_t moved = 0;
  for (uint64_t i = 0; i < places.size(); ++i) {
    moved += table.Find(HashOf(i)) != places[i];
  }
  EXPECT_EQ(moved, 0u);
}

}  // namespace
}  // namespace tongchou::base
