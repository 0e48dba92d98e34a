#include <gtest/gtest.h>

#include "common/ledger/compact_range.h"
#include "common/ledger/proof.h"
#include "tests/common/ledger/vectors.h"

namespace tongchou::ledger {
namespace {

using nlohmann::json;

std::vector<Hash> DecimalLeaves(uint64_t count) {
  std::vector<Hash> leaves;
  for (uint64_t i = 0; i < count; ++i) {
    leaves.push_back(HashLeaf(std::to_string(i)));
  }
  return leaves;
}

RangeHash RangesOf(const std::vector<Hash>& leaves) {
  return [&leaves](uint64_t begin, uint64_t end) -> absl::StatusOr<Hash> {
    CompactRange range;
    for (uint64_t i = begin; i < end; ++i) range.Append(leaves[i]);
    return range.Root();
  };
}

TEST(Tree, HashesAreThoseOfRfc6962) {
  const json hash = LoadVectors("vectors.json")["hash"];
  EXPECT_EQ(EmptyRoot(), HashFromHex(hash["empty_root"]));
  EXPECT_EQ(HashLeaf(""), HashFromHex(hash["empty_leaf"]));
  EXPECT_EQ(HashLeaf("L123456"), HashFromHex(hash["leaf_L123456"]));
}

TEST(Tree, RootsAndProofsOfTheCertificateTransparencyTree) {
  const json tree = LoadVectors("vectors.json")["tree_ct8"];
  std::vector<Hash> leaves;
  CompactRange range;
  for (size_t i = 0; i <= tree["leaves"].size(); ++i) {
    EXPECT_EQ(range.Root(), HashFromHex(tree["roots_by_size"][i]));
    if (i == tree["leaves"].size()) break;
    leaves.push_back(HashLeaf(FromHex(tree["leaves"][i])));
    EXPECT_EQ(leaves.back(), HashFromHex(tree["leaf_hashes"][i]));
    range.Append(leaves.back());
  }
  for (const json& one : tree["inclusion"]) {
    const auto proof =
        InclusionProof(one["index"], one["size"], RangesOf(leaves));
    ASSERT_TRUE(proof.ok());
    EXPECT_EQ(*proof, ProofFromHex(one["proof"]));
  }
  for (const json& one : tree["consistency"]) {
    const auto proof =
        ConsistencyProof(one["old"], one["new"], RangesOf(leaves));
    ASSERT_TRUE(proof.ok());
    EXPECT_EQ(*proof, ProofFromHex(one["proof"]));
  }
}

// Many leaves at once, at every place in the tree that they can begin.
TEST(Tree, ManyLeavesAreAsOneByOne) {
  constexpr uint64_t kCount = 700;
  constexpr int kLevel = 4;
  const std::vector<Hash> leaves = DecimalLeaves(kCount);
  for (uint64_t begin = 0; begin < 70; ++begin) {
    for (const uint64_t count : {0, 1, 2, 15, 16, 17, 255, 256, 600}) {
      CompactRange singly;
      for (uint64_t i = 0; i < begin; ++i) singly.Append(leaves[i]);
      CompactRange at_once = singly;
      std::vector<Hash> completed;
      at_once.Append(std::span(leaves).subspan(begin, count), kLevel,
                     &completed);
      for (uint64_t i = begin; i < begin + count; ++i) {
        singly.Append(leaves[i]);
      }
      ASSERT_EQ(at_once, singly) << begin << " and " << count << " more";
      std::vector<Hash> expected;
      for (uint64_t at = begin >> kLevel; at < (begin + count) >> kLevel;
           ++at) {
        expected.push_back(*RangesOf(leaves)(at << kLevel, (at + 1) << kLevel));
      }
      ASSERT_EQ(completed, expected) << begin << " and " << count << " more";
    }
  }
}

TEST(Tree, LargerTrees) {
  const json decimal = LoadVectors("vectors.json")["decimal_leaves"];
  const std::vector<Hash> leaves = DecimalLeaves(70'000);
  CompactRange range;
  for (const Hash& leaf : leaves) {
    range.Append(leaf);
    const auto known =
        decimal["roots_by_size"].find(std::to_string(range.size()));
    if (known != decimal["roots_by_size"].end()) {
      EXPECT_EQ(range.Root(), HashFromHex(*known)) << range.size();
    }
  }
  EXPECT_EQ(*InclusionProof(12'345, 70'000, RangesOf(leaves)),
            ProofFromHex(decimal["inclusion_12345_of_70000"]));
  EXPECT_EQ(*ConsistencyProof(257, 70'000, RangesOf(leaves)),
            ProofFromHex(decimal["consistency_257_to_70000"]));
  EXPECT_EQ(*CompactRange::Decode(range.Encode()), range);
  EXPECT_TRUE(absl::IsDataLoss(
      CompactRange::Decode(range.Encode().substr(1)).status()));
}

absl::Status Verify(const json& probe, bool hex) {
  // Some probes have words where a root belongs; any hash stands for those.
  const auto hash = [&](const std::string& name) {
    const std::string text = probe[name];
    const std::string bytes =
        hex ? FromHex(text) : base::Base64Decode(text).value_or("");
    return bytes.size() == 32 ? Hash::FromView(bytes) : base::Sha256(bytes);
  };
  Proof proof;
  for (const json& one : probe["proof"]) {
    const std::string text = one.is_null() ? "" : one.get<std::string>();
    const std::string bytes =
        hex ? FromHex(text) : base::Base64Decode(text).value_or("");
    if (bytes.size() != 32) return absl::InvalidArgumentError("hash size");
    proof.push_back(Hash::FromView(bytes));
  }
  if (probe.contains("size1") || probe.contains("old")) {
    const Hash old_root = hash(hex ? "root_old" : "root1");
    const Hash new_root = hash(hex ? "root_new" : "root2");
    return VerifyConsistency(probe[hex ? "old" : "size1"],
                             probe[hex ? "new" : "size2"], old_root, new_root,
                             proof);
  }
  for (const char* name : {hex ? "leaf_hash" : "leafHash", "root"}) {
    const std::string text = probe[name];
    if (text.size() < 43) return absl::InvalidArgumentError("hash size");
  }
  const Hash leaf = hash(hex ? "leaf_hash" : "leafHash");
  const Hash root = hash("root");
  return VerifyInclusion(probe[hex ? "index" : "leafIdx"],
                         probe[hex ? "size" : "treeSize"], leaf, proof, root);
}

TEST(Proofs, All196Probes) {
  const json probes = LoadVectors("merkle_probes.json");
  int checked = 0;
  for (const auto& [kind, group] : probes.items()) {
    if (!group.is_object()) continue;
    for (const auto& [name, probe] : group.items()) {
      ++checked;
      const bool refused = !Verify(probe, false).ok();
      EXPECT_EQ(refused, probe["wantErr"].get<bool>()) << name;
    }
  }
  EXPECT_EQ(checked, 196);
}

TEST(Proofs, MustRejectCases) {
  const json negative = LoadVectors("vectors.json")["negative"];
  ASSERT_EQ(negative.size(), 19u);
  for (const json& one : negative) {
    EXPECT_TRUE(absl::IsInvalidArgument(Verify(one, true))) << one["why"];
  }
}

}  // namespace
}  // namespace tongchou::ledger
