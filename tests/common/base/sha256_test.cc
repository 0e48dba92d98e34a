#include "common/base/sha256.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "common/base/sha256_lanes.h"

namespace tongchou::base {
namespace {

std::string RandomText(size_t bytes, std::mt19937_64* random) {
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>((*random)());
  return text;
}

void ExpectEachIsAlone(const std::vector<std::string>& texts) {
  const std::vector<std::string_view> messages(texts.begin(), texts.end());
  std::vector<Hash> hashes(texts.size());
  Sha256Each(messages, hashes);
  for (size_t i = 0; i < texts.size(); ++i) {
    ASSERT_EQ(hashes[i], Sha256(texts[i]))
        << i << " of " << texts.size() << ", " << texts[i].size() << " bytes";
  }
}

TEST(Sha256Test, IsThatOfTheStandard) {
  EXPECT_EQ(HexEncode(Sha256("abc").view()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// Every length up to where messages are hashed one by one, so every place at
// which the padding can begin; in lanes that are all used.
TEST(Sha256Test, EachOfManyIsAsAlone) {
  std::mt19937_64 random(1);
  for (size_t bytes = 0; bytes < 2'200; ++bytes) {
    std::vector<std::string> texts;
    for (size_t i = 0; i < kSha256Lanes; ++i) {
      texts.push_back(RandomText(bytes, &random));
    }
    ExpectEachIsAlone(texts);
  }
}

// Some lanes without a message, lengths that do not go together.
TEST(Sha256Test, AnyNumberOfAnyLength) {
  std::mt19937_64 random(2);
  for (size_t count = 0; count < 80; ++count) {
    std::vector<std::string> texts;
    for (size_t i = 0; i < count; ++i) {
      texts.push_back(RandomText(random() % 400, &random));
    }
    ExpectEachIsAlone(texts);
  }
}

TEST(Sha256Test, BlocksCountThePadding) {
  EXPECT_EQ(Sha256Blocks(0), 1u);
  EXPECT_EQ(Sha256Blocks(55), 1u);
  EXPECT_EQ(Sha256Blocks(56), 2u);
  EXPECT_EQ(Sha256Blocks(64), 2u);
  EXPECT_EQ(Sha256Blocks(119), 2u);
  EXPECT_EQ(Sha256Blocks(120), 3u);
}

}  // namespace
}  // namespace tongchou::base
