// Logs on simulated disks: bundles with the root over every size, and the same
// behind the interface of the real store, for what signs, feeds and mirrors.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/ledger/log_keys.h"
#include "common/ledger/log_store.h"
#include "common/ledger/proof.h"

namespace tongchou::simulation {

struct LogBundle {
  uint64_t first = 0;
  std::string bytes;
  std::vector<ledger::Hash> leaves;
  uint64_t end() const { return first + leaves.size(); }
};

// Bundles with the root over every size, and the changes of the log's key.
struct Log {
  std::vector<LogBundle> bundles;
  std::vector<ledger::KeyChange> key_changes;
  std::vector<ledger::Hash> roots{ledger::EmptyRoot()};
  ledger::CompactRange range;

  uint64_t size() const { return range.size(); }
  void Append(LogBundle bundle) {
    for (const ledger::Hash& leaf : bundle.leaves) {
      range.Append(leaf);
      roots.push_back(range.Root());
    }
    bundles.push_back(std::move(bundle));
  }
  absl::StatusOr<ledger::Hash> RootAt(uint64_t size) const {
    if (size >= roots.size()) return base::OutOfRangeError("{}", size);
    return roots[size];
  }
  // OUT_OF_RANGE beyond the end.
  absl::StatusOr<ledger::CompactRange> RangeAt(uint64_t size) const;
  absl::StatusOr<ledger::Proof> ConsistencyProofOf(uint64_t old_size,
                                                   uint64_t size) const;
};

// What a group commit wrote, and facts, stay after a crash; checkpoints that
// were put since are gone. Copies are independent. Thread-confined.
class MemoryLog final : public ledger::LogStore {
 public:
  void Crash() {
    checkpoints_ = synced_checkpoints_;
    fails_checkpoints_ = false;
  }
  // From now on a checkpoint that is put finds no disk: UNAVAILABLE.
  void FailCheckpoints(bool fail) { fails_checkpoints_ = fail; }

  const Log& log() const { return log_; }
  const std::map<uint64_t, std::string>& checkpoints() const {
    return checkpoints_;
  }

  absl::Status Append(const ledger::GroupCommit& commit) override;
  ledger::LogHead Head() const override {
    return {log_.range, last_commit_time_us_};
  }
  absl::StatusOr<ledger::StoredBundle> BundleAt(
      uint64_t sequence) const override;
  absl::Status ReadBundles(
      uint64_t sequence,
      const std::function<bool(ledger::StoredBundle&&)>& visit) const override;
  absl::StatusOr<ledger::Hash> RootAt(uint64_t size) const override {
    return log_.RootAt(size);
  }
  absl::StatusOr<ledger::CompactRange> RangeAt(uint64_t size) const override {
    return log_.RangeAt(size);
  }
  absl::StatusOr<ledger::Proof> InclusionProofOf(uint64_t sequence,
                                                 uint64_t size) const override;
  absl::StatusOr<ledger::Proof> ConsistencyProofOf(
      uint64_t old_size, uint64_t size) const override {
    return log_.ConsistencyProofOf(old_size, size);
  }
  absl::Status PutCheckpoint(uint64_t size, std::string_view note) override;
  absl::StatusOr<std::optional<std::string>> CheckpointAtOrBefore(
      uint64_t size) const override;
  absl::Status PutLocalFact(std::string_view name,
                            std::string_view value) override;
  absl::Status RemoveLocalFact(std::string_view name) override;
  absl::StatusOr<std::optional<std::string>> GetLocalFact(
      std::string_view name) const override;

  // Nothing lies in memory besides, nobody gives transactions names, and its
  // owner keeps what else a group commit writes.
  std::vector<std::shared_ptr<const ledger::RecentBundle>> RecentBundles(
      uint64_t, uint64_t) const override {
    return {};
  }
  absl::StatusOr<std::optional<uint64_t>> FindTransaction(
      std::string_view) const override {
    return std::optional<uint64_t>();
  }
  ledger::StagedCommit Stage(const ledger::GroupCommit& commit,
                             rocksdb::WriteBatch* writes) const override;
  void Publish(ledger::StagedCommit staged) override;
  absl::StatusOr<uint32_t> WriteBackup(
      const std::string& directory, const std::string& origin,
      const ledger::BackupProgress& progress) const override;

 private:
  Log log_;
  int64_t last_commit_time_us_ = 0;
  std::map<uint64_t, std::string> checkpoints_;  // by size
  std::map<uint64_t, std::string> synced_checkpoints_;
  std::map<std::string, std::string, std::less<>> facts_;
  bool fails_checkpoints_ = false;
};

}  // namespace tongchou::simulation
