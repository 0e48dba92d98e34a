// The simulated disk of a city behaves as the node's log and guard do.
#include "tests/simulation/disks.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <random>

#include "common/base/ed25519.h"
#include "common/ledger/head_signer.h"
#include "common/ledger/log_store.h"
#include "node/uplink_log.h"
#include "tests/common/ledger/add_with_leaf.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::simulation {
namespace {

constexpr char kOrigin[] = "tongchou/360100";
constexpr int kSeeds = 6;
constexpr int kSteps = 100;

ledger::Signer MakeSigner() {
  return {kOrigin, *base::Ed25519PrivateKey::FromSeed(
                       std::string(base::kEd25519SeedBytes, 7))};
}

// The same happens to both, and what they answer is compared.
class Twins {
 public:
  explicit Twins(uint64_t seed) : random_(seed), simulated_(MakeSigner()) {
    Open();
    simulated_.Start(/*ignores_guard=*/false);
  }

  void Step() {
    const uint64_t size = simulated_.log.size();
    switch (Below(12)) {
      case 0:
      case 1:
      case 2:
        return Commit();
      case 3:
      case 4:
        return CompareBatches(BundleStart(), Below(200'000));
      case 5:
        return CompareRoots(Below(size + 2));
      case 6:
      case 7:
        return CompareSigned(Below(size) + 1);
      case 8:
        return CompareConfirmed(Below(size + 1), Chance(4));
      case 9:
        simulated_.SaveGuard();
        ASSERT_TRUE(signer_->SaveGuard().ok());
        return;
      case 10:
        return Restart();
      default:
        return Chance(2) ? KeepCopy() : PutCopyBack();
    }
  }

  // After that nothing is compared: the log must be brought back.
  bool is_old_copy() const { return simulated_.read_only; }

 private:
  uint64_t Below(uint64_t n) { return n == 0 ? 0 : random_() % n; }
  bool Chance(uint64_t n) { return Below(n) == 0; }
  std::string LogPath() const { return directory_.path() + "/log"; }
  std::string CopyPath() const { return directory_.path() + "/copy"; }

  void Close() {
    uplink_log_.reset();
    signer_.reset();
    store_.reset();
  }
  void Open() {
    store_ = *ledger::LogStore::Open({LogPath(), nullptr});
    signer_ = *ledger::HeadSigner::Open(directory_.path() + "/guard", kOrigin,
                                        MakeSigner(), store_.get(),
                                        /*alone=*/false);
    uplink_log_ =
        std::make_unique<node::UplinkLogAdapter>(store_.get(), signer_.get());
  }
  void Restart() {
    Close();
    Open();
    simulated_.Start(/*ignores_guard=*/false);
    EXPECT_EQ(simulated_.read_only, !signer_->read_only_reason().empty())
        << signer_->read_only_reason();
    EXPECT_EQ(simulated_.signed_note, signer_->last_note());
    EXPECT_EQ(simulated_.committed_size(), uplink_log_->committed_size());
  }
  void KeepCopy() {
    Close();
    std::filesystem::remove_all(CopyPath());
    std::filesystem::copy(LogPath(), CopyPath());
    copy_ = simulated_.log;
    Open();
    simulated_.Start(/*ignores_guard=*/false);
  }
  void PutCopyBack() {
    if (!copy_.has_value()) return;
    Close();
    std::filesystem::remove_all(LogPath());
    std::filesystem::copy(CopyPath(), LogPath());
    Open();
    simulated_.log = *copy_;
    Restart();
  }

  void Commit() {
    ledger::GroupCommit commit;
    ledger::BundleWriter writer;
    uint64_t next = simulated_.log.size();
    for (uint64_t left = 1 + Below(3); left > 0; --left) {
      LogBundle bundle{.first = next};
      for (uint64_t count = 1 + Below(300); count > 0; --count, ++next) {
        bundle.leaves.push_back(
            ledger::AddWithLeaf(&writer, "header " + std::to_string(next),
                                "body " + std::to_string(random_())));
      }
      bundle.bytes = writer.Finish(bundle.first);
      commit.leaf_hashes.insert(commit.leaf_hashes.end(), bundle.leaves.begin(),
                                bundle.leaves.end());
      commit.bundles.push_back(
          {bundle.first, bundle.leaves.size(), bundle.bytes});
      simulated_.log.Append(std::move(bundle));
    }
    commit.last_commit_time_us = static_cast<int64_t>(next);
    ASSERT_TRUE(store_->Append(commit).ok());
    EXPECT_EQ(simulated_.committed_size(), uplink_log_->committed_size());
  }

  uint64_t BundleStart() {
    const auto& bundles = simulated_.log.bundles;
    return bundles.empty() ? 0 : bundles[Below(bundles.size())].first;
  }
  void CompareBatches(uint64_t size, uint64_t bytes_max) {
    // Nobody asks for more than he was told of.
    if (size == uplink_log_->committed_size()) return;
    uint64_t end = 0;
    uint64_t real_end = 0;
    const auto batch = simulated_.ReadBatch(size, bytes_max, &end);
    const auto real = uplink_log_->ReadBatch(size, bytes_max, &real_end);
    ASSERT_TRUE(batch.ok() && real.ok()) << batch.status() << real.status();
    EXPECT_TRUE(batch->SerializeAsString() == real->SerializeAsString());
    EXPECT_EQ(end, real_end);
  }
  void CompareRoots(uint64_t size) {
    const auto root = simulated_.RootAt(size);
    const auto real = uplink_log_->RootAt(size);
    EXPECT_EQ(root.status().code(), real.status().code()) << real.status();
    if (root.ok() && real.ok()) {
      EXPECT_EQ(*root, *real);
    }
  }
  void CompareSigned(uint64_t size) {
    if (size > simulated_.log.size()) return;  // nobody asks
    const auto note = simulated_.SignHead(size);
    const auto real = uplink_log_->SignHead(size);
    EXPECT_EQ(note.status().code(), real.status().code()) << real.status();
    if (note.ok() && real.ok()) {
      EXPECT_EQ(*note, *real);
    }
    EXPECT_EQ(simulated_.signed_note, signer_->last_note());
    const ledger::Heartbeat life = {.origin = kOrigin, .committed_size = size};
    EXPECT_EQ(*simulated_.SignHeartbeat(size, life),
              *uplink_log_->SignHeartbeat(size, life));
    const ledger::Start start = {.origin = kOrigin, .counter = size};
    EXPECT_EQ(simulated_.SignStart(start), uplink_log_->SignStart(start));
  }
  void CompareConfirmed(uint64_t size, bool wrong) {
    ledger::Hash root = *simulated_.RootAt(size);
    if (wrong) root.bytes[0] ^= 1;
    if (Chance(5)) size = simulated_.log.size() + 1;
    const absl::Status status = simulated_.ConfirmHead(size, root);
    const absl::Status real = uplink_log_->ConfirmHead(size, root);
    EXPECT_EQ(status.code(), real.code()) << status << " " << real;
  }

  std::mt19937_64 random_;
  TemporaryDirectory directory_;
  CityDisk simulated_;
  std::optional<Log> copy_;
  std::unique_ptr<ledger::LogStore> store_;
  std::unique_ptr<ledger::HeadSigner> signer_;
  std::unique_ptr<node::UplinkLogAdapter> uplink_log_;
};

TEST(CityDiskTest, AnswersAsTheNodesLogDoes) {
  int old_copies = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Twins twins(seed);
    for (int step = 0; step < kSteps && !twins.is_old_copy(); ++step) {
      twins.Step();
      ASSERT_FALSE(testing::Test::HasFailure())
          << "seed " << seed << " step " << step;
    }
    old_copies += twins.is_old_copy() ? 1 : 0;
  }
  EXPECT_GT(old_copies, 0);
  EXPECT_LT(old_copies, kSeeds);
}

}  // namespace
}  // namespace tongchou::simulation
