#include "audit/copied_tree.h"

#include <gtest/gtest.h>

#include "common/ledger/compact_range.h"
#include "tests/audit/test_archive.h"
#include "tests/common/ledger/add_with_leaf.h"

namespace tongchou::audit {
namespace {

// Proofs over a log of several tiles, as a verifier takes them.
TEST(CopiedTreeTest, ProofsHold) {
  const TemporaryDirectory directory;
  const Archive archive(directory.path());
  constexpr uint64_t kSize = 700;
  ledger::BundleWriter writer;
  ledger::CompactRange range;
  std::vector<ledger::Hash> leaves;
  std::map<uint64_t, ledger::Hash> roots;
  std::vector<std::string> bundles;
  while (range.size() < kSize) {
    const uint64_t first = range.size();
    for (int i = 0; i < 35; ++i) {
      leaves.push_back(
          ledger::AddWithLeaf(&writer, "h", std::to_string(range.size())));
      range.Append(leaves.back());
      roots[range.size()] = range.Root();
    }
    bundles.push_back(writer.Finish(first));
  }
  ASSERT_TRUE(base::MakeDirectories(archive.city_directory(kNanchang)).ok());
  WritePieces(archive.bundles(kNanchang), bundles);
  const std::set<uint64_t> places = {0, 1, 255, 256, 257, 511, 600, 699};
  const auto tree = CopiedTree::Read(archive, kNanchang, kSize, places);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(tree->root(), roots[kSize]);
  for (const uint64_t place : places) {
    const auto inclusion = tree->Inclusion(place);
    ASSERT_TRUE(inclusion.ok()) << inclusion.status();
    EXPECT_TRUE(ledger::VerifyInclusion(place, kSize, leaves[place], *inclusion,
                                        tree->root())
                    .ok())
        << place;
    if (place == 0) continue;
    const auto consistency = tree->Consistency(place);
    ASSERT_TRUE(consistency.ok()) << consistency.status();
    EXPECT_TRUE(ledger::VerifyConsistency(place, kSize, roots[place],
                                          tree->root(), *consistency)
                    .ok())
        << place;
  }
  EXPECT_FALSE(CopiedTree::Read(archive, kNanchang, kSize + 1, {}).ok());
  const auto part = CopiedTree::Read(archive, kNanchang, 300, {299});
  ASSERT_TRUE(part.ok());
  EXPECT_EQ(part->root(), roots[300]);
}

}  // namespace
}  // namespace tongchou::audit
