#include "tests/simulation/memory_log.h"

#include <algorithm>
#include <span>

#include "common/ledger/bundle.h"
#include "common/ledger/proof.h"

namespace tongchou::simulation {
namespace {

// Over leaves [begin, end), which are there.
ledger::CompactRange RangeOver(const Log& log, uint64_t begin, uint64_t end) {
  ledger::CompactRange range;
  for (const LogBundle& bundle : log.bundles) {
    const uint64_t from = std::max(begin, bundle.first);
    const uint64_t to = std::min(end, bundle.end());
    for (uint64_t at = from; at < to; ++at) {
      range.Append(bundle.leaves[at - bundle.first]);
    }
  }
  return range;
}

ledger::RangeHash HashesOf(const Log& log) {
  return [&log](uint64_t begin, uint64_t end) -> absl::StatusOr<ledger::Hash> {
    return RangeOver(log, begin, end).Root();
  };
}

}  // namespace

absl::StatusOr<ledger::CompactRange> Log::RangeAt(uint64_t at) const {
  if (at > size()) return base::OutOfRangeError("{}", at);
  return RangeOver(*this, 0, at);
}

absl::StatusOr<ledger::Proof> Log::ConsistencyProofOf(uint64_t old_size,
                                                      uint64_t at) const {
  if (at > size()) return base::OutOfRangeError("{}", at);
  return ledger::ConsistencyProof(old_size, at, HashesOf(*this));
}

absl::Status MemoryLog::Append(const ledger::GroupCommit& commit) {
  std::span<const ledger::Hash> leaves = commit.leaf_hashes;
  for (const ledger::GroupCommit::EncodedBundle& one : commit.bundles) {
    TONGCHOU_CHECK(one.first_sequence == log_.size());
    const auto own = leaves.first(one.count);
    log_.Append({one.first_sequence, one.bytes, {own.begin(), own.end()}});
    leaves = leaves.subspan(one.count);
  }
  TONGCHOU_CHECK(leaves.empty());
  last_commit_time_us_ = commit.last_commit_time_us;
  if (!commit.checkpoint.empty()) {
    checkpoints_[log_.size()] = commit.checkpoint;
  }
  synced_checkpoints_ = checkpoints_;
  return absl::OkStatus();
}

absl::StatusOr<ledger::StoredBundle> MemoryLog::BundleAt(
    uint64_t sequence) const {
  for (const LogBundle& bundle : log_.bundles) {
    if (bundle.end() > sequence) {
      return ledger::StoredBundle{bundle.first, bundle.bytes};
    }
  }
  return base::OutOfRangeError("{}", sequence);
}

absl::Status MemoryLog::ReadBundles(
    uint64_t sequence,
    const std::function<bool(ledger::StoredBundle&&)>& visit) const {
  for (const LogBundle& bundle : log_.bundles) {
    if (bundle.end() <= sequence) continue;
    if (!visit({bundle.first, bundle.bytes})) break;
  }
  return absl::OkStatus();
}

absl::StatusOr<ledger::Proof> MemoryLog::InclusionProofOf(uint64_t sequence,
                                                          uint64_t size) const {
  if (size > log_.size()) return base::OutOfRangeError("{}", size);
  return ledger::InclusionProof(sequence, size, HashesOf(log_));
}

absl::Status MemoryLog::PutCheckpoint(uint64_t size, std::string_view note) {
  if (fails_checkpoints_) return base::UnavailableError("the disk is gone");
  checkpoints_[size] = note;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> MemoryLog::CheckpointAtOrBefore(
    uint64_t size) const {
  const auto above = checkpoints_.upper_bound(size);
  if (above == checkpoints_.begin()) return std::optional<std::string>();
  return std::optional<std::string>(std::prev(above)->second);
}

absl::Status MemoryLog::PutLocalFact(std::string_view name,
                                     std::string_view value) {
  facts_.insert_or_assign(std::string(name), std::string(value));
  return absl::OkStatus();
}

absl::Status MemoryLog::RemoveLocalFact(std::string_view name) {
  facts_.erase(std::string(name));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> MemoryLog::GetLocalFact(
    std::string_view name) const {
  const auto found = facts_.find(name);
  if (found == facts_.end()) return std::optional<std::string>();
  return std::optional<std::string>(found->second);
}

ledger::StagedCommit MemoryLog::Stage(const ledger::GroupCommit&,
                                      rocksdb::WriteBatch*) const {
  TONGCHOU_CHECK(!"there is no other store to write with");
  return {};
}

void MemoryLog::Publish(ledger::StagedCommit) {
  TONGCHOU_CHECK(!"nothing was staged");
}

absl::StatusOr<uint32_t> MemoryLog::WriteBackup(
    const std::string&, const std::string&,
    const ledger::BackupProgress&) const {
  return base::UnimplementedError("a log in memory is copied");
}

}  // namespace tongchou::simulation
