#include "common/ledger/tiles.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "common/base/status.h"
#include "common/ledger/compact_range.h"
#include "tests/common/ledger/vectors.h"

namespace tongchou::ledger {
namespace {

using nlohmann::json;

using Files = std::map<std::string, std::string, std::less<>>;

TileBuilder Builder(Files* files) {
  return TileBuilder([files](std::string_view path, std::string_view bytes) {
    EXPECT_FALSE(bytes.empty()) << path;
    EXPECT_TRUE(files->emplace(path, bytes).second) << path << " twice";
    return absl::OkStatus();
  });
}

Files FilesOf(const std::vector<std::string>& leaves) {
  Files files;
  TileBuilder builder = Builder(&files);
  for (const std::string& leaf : leaves) {
    EXPECT_TRUE(builder.Add(leaf, HashLeaf(leaf)).ok());
  }
  EXPECT_TRUE(builder.Finish().ok());
  EXPECT_EQ(builder.size(), leaves.size());
  return files;
}

std::vector<std::string> Decimals(size_t count) {
  std::vector<std::string> leaves;
  for (size_t i = 0; i < count; ++i) leaves.push_back(std::to_string(i));
  return leaves;
}

TEST(Tiles, PathsAreThoseOfTheVectors) {
  const json vectors = LoadVectors("vectors.json")["tile_paths"]["vectors"];
  ASSERT_EQ(vectors.size(), 11u);
  for (const json& one : vectors) {
    const auto partial = one[2].get<uint32_t>();
    const uint32_t width = partial == 0 ? kTileWidth : partial;
    const auto index = one[1].get<uint64_t>();
    EXPECT_EQ(one[0].is_string() ? EntriesPath(index, width)
                                 : TilePath(one[0].get<int>(), index, width),
              one[3].get<std::string>());
  }
}

TEST(Tiles, FilesAreThoseOfTheVectors) {
  const json vectors = LoadVectors("vectors.json")["decimal_leaves"];
  const Files files = FilesOf(Decimals(70'000));
  size_t compared = 0;
  for (const auto& [name, hash] : vectors["file_sha256"].items()) {
    const std::string path = name.substr(0, name.find(' '));
    const auto file = files.find(path);
    ASSERT_NE(file, files.end()) << path;
    EXPECT_EQ(base::HexEncode(base::Sha256(file->second).view()),
              hash.get<std::string>())
        << path;
    ++compared;
  }
  EXPECT_EQ(compared, 7u);
  EXPECT_EQ(files.size(), 274u + 274u + 2u + 1u);
}

TEST(Tiles, LayoutIsThatOfTheVectors) {
  const json layouts =
      LoadVectors("vectors.json")["decimal_leaves"]["tile_layout"];
  ASSERT_EQ(layouts.size(), 6u);
  for (const auto& [size, levels] : layouts.items()) {
    const Files files = FilesOf(Decimals(std::stoul(size)));
    size_t tiles = 0;
    for (const json& level : levels) {
      const auto full = level["full_tiles"].get<uint64_t>();
      if (full > 0) {
        EXPECT_TRUE(
            files.contains(TilePath(level["level"], full - 1, kTileWidth)));
      }
      if (!level["partial_path"].is_null()) {
        const auto path = level["partial_path"].get<std::string>();
        ASSERT_TRUE(files.contains(path)) << path;
        EXPECT_EQ(files.at(path).size(),
                  32 * level["partial_width"].get<size_t>());
      }
      tiles += full + (level["partial_path"].is_null() ? 0 : 1);
    }
    const size_t bundles = (std::stoul(size) + 255) / 256;
    EXPECT_EQ(files.size(), tiles + bundles) << size;
  }
}

TEST(Tiles, ALogOfAnotherImplementation) {
  const json log = LoadVectors("vectors.json")["tessera_log"];
  std::vector<std::string> leaves = log["leaves_ascii"];
  leaves.resize(3);
  EXPECT_EQ(base::HexEncode(FilesOf(leaves).at("tile/entries/000.p/3")),
            log["bundle_size3_hex"].get<std::string>());
  leaves.resize(2);
  EXPECT_EQ(base::HexEncode(FilesOf(leaves).at("tile/0/000.p/2")),
            log["tile_size2_hex"].get<std::string>());
  EXPECT_TRUE(FilesOf({}).empty());
}

TEST(Tiles, AnEntryHasSoManyBytes) {
  Files files;
  TileBuilder builder = Builder(&files);
  EXPECT_TRUE(
      builder.Add(std::string(kTileEntryBytesMax, 'e'), base::Hash()).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(
      builder.Add(std::string(kTileEntryBytesMax + 1, 'e'), base::Hash())));
}

}  // namespace
}  // namespace tongchou::ledger
