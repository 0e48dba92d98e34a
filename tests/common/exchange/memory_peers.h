// A city's log and a province's store in memory, with real bundles, keys and
// signatures.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "common/base/ed25519.h"
#include "common/base/status.h"
#include "common/exchange/ingest.h"
#include "common/exchange/uplink.h"
#include "common/ledger/bundle.h"
#include "common/ledger/cosignature.h"
#include "common/ledger/signer.h"
#include "tests/common/ledger/add_with_leaf.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::exchange {

inline constexpr char kOrigin[] = "tongchou/360000/360100";
inline constexpr uint32_t kCity = 360100;

inline base::Ed25519PrivateKey KeyOf(char seed) {
  return *base::Ed25519PrivateKey::FromSeed(
      std::string(base::kEd25519SeedBytes, seed));
}

struct TestEntry {
  v1::EntryHeader header;
  std::string body;
};

struct TestBundle {
  uint64_t first = 0;
  std::string bytes;
  std::vector<ledger::Hash> leaves;
  uint64_t end() const { return first + leaves.size(); }
};

inline TestEntry MakeEntry(uint64_t sequence, bool last, std::string body) {
  TestEntry entry;
  entry.header.set_sequence(sequence);
  entry.header.set_commit_time_us(static_cast<int64_t>(1000 + sequence / 2));
  entry.header.set_last_of_transaction(last);
  entry.body = std::move(body);
  return entry;
}

inline TestBundle MakeBundle(uint64_t first,
                             const std::vector<TestEntry>& entries) {
  TestBundle bundle;
  bundle.first = first;
  ledger::BundleWriter writer;
  for (const TestEntry& entry : entries) {
    bundle.leaves.push_back(ledger::AddWithLeaf(
        &writer, entry.header.SerializeAsString(), entry.body));
  }
  bundle.bytes = writer.Finish(first);
  return bundle;
}

// One transaction.
inline TestBundle MakeTransaction(uint64_t first, int entries,
                                  const std::string& flavour = "") {
  std::vector<TestEntry> made;
  for (int i = 0; i < entries; ++i) {
    const uint64_t sequence = first + static_cast<uint64_t>(i);
    made.push_back(MakeEntry(sequence, i + 1 == entries,
                             "body " + std::to_string(sequence) + flavour));
  }
  return MakeBundle(first, made);
}

class MemoryLog : public UplinkLog {
 public:
  explicit MemoryLog(ledger::Signer signer)
      : keys_now(signer.verifier()), signer_(std::move(signer)) {}

  void Append(TestBundle bundle) {
    for (const ledger::Hash& leaf : bundle.leaves) {
      leaves_.push_back(leaf);
      range_.Append(leaf);
      roots_.push_back(range_.Root());
    }
    bundles_.push_back(std::move(bundle));
  }
  void AppendTransaction(int entries, const std::string& flavour = "") {
    Append(MakeTransaction(leaves_.size(), entries, flavour));
  }
  void Commit() { committed_ = leaves_.size(); }
  // What was not committed is gone, and nothing may be signed.
  void Restart() {
    while (!bundles_.empty() && bundles_.back().end() > committed_) {
      bundles_.pop_back();
    }
    leaves_.resize(committed_);
    roots_.resize(committed_ + 1);
    range_ = {};
    for (const ledger::Hash& leaf : leaves_) range_.Append(leaf);
    confirmed_ = false;
  }

  uint64_t committed_size() override { return committed_; }
  absl::StatusOr<ledger::Hash> RootAt(uint64_t size) override {
    if (size >= roots_.size()) return base::OutOfRangeError("{}", size);
    return roots_[size];
  }
  absl::StatusOr<v1::Batch> ReadBatch(uint64_t size, uint64_t bytes_max,
                                      uint64_t* end_size) override {
    v1::Batch batch;
    uint64_t bytes = 0;
    for (const TestBundle& bundle : bundles_) {
      if (bundle.first < size) continue;
      if (batch.bundles().empty() && bundle.first != size) break;
      if (bundle.end() > committed_ && !shows_uncommitted) break;
      bytes += bundle.bytes.size();
      if (!batch.bundles().empty() &&
          bytes > std::min(bytes_max, batch_bytes_max)) {
        break;
      }
      batch.add_bundles(bundle.bytes);
      *end_size = bundle.end();
    }
    if (batch.bundles().empty()) return base::OutOfRangeError("{}", size);
    return batch;
  }
  ledger::LogKeys keys() override { return keys_now; }
  absl::StatusOr<std::string> SignHead(uint64_t size) override {
    if (!confirmed_) return base::FailedPreconditionError("unconfirmed");
    EXPECT_LE(size, committed_);
    std::string note = signer_.Sign(size, roots_[size]);
    if (size >= signed_size_) {
      signed_size_ = size;
      signed_note = note;
    }
    return note;
  }
  absl::StatusOr<std::string> SignHeartbeat(
      uint64_t size, const ledger::Heartbeat& heartbeat) override {
    heartbeat_key_size = size;
    return ledger::SignHeartbeat(heartbeat, signer_);
  }
  std::string SignStart(const ledger::Start& start) override {
    return ledger::SignStart(start, {&signer_, 1});
  }
  absl::Status ConfirmHead(uint64_t size, const ledger::Hash& root) override {
    EXPECT_LE(size, committed_);
    EXPECT_EQ(root, roots_[size]);
    confirmed_ = true;
    return absl::OkStatus();
  }
  absl::Status KeepCosigned(uint64_t size, std::string_view note) override {
    kept_size = size;
    kept_note = note;
    return absl::OkStatus();
  }

  const std::vector<ledger::Hash>& leaves() const { return leaves_; }
  const ledger::Signer& signer() const { return signer_; }

  ledger::LogKeys keys_now;
  uint64_t batch_bytes_max = kBatchBytesMax;
  bool shows_uncommitted = false;
  std::string signed_note;
  std::string kept_note;
  uint64_t kept_size = 0;
  uint64_t heartbeat_key_size = 0;

 private:
  ledger::Signer signer_;
  std::vector<TestBundle> bundles_;
  std::vector<ledger::Hash> leaves_;
  std::vector<ledger::Hash> roots_{ledger::EmptyRoot()};
  ledger::CompactRange range_;
  uint64_t committed_ = 0;
  uint64_t signed_size_ = 0;
  bool confirmed_ = false;
};

class MemoryProvince {
 public:
  explicit MemoryProvince(ledger::Cosigner cosigner)
      : cosigner_(std::move(cosigner)) {}

  void Enqueue(VerifiedBatch batch) { journal_.push_back(std::move(batch)); }
  bool has_queued() const { return !journal_.empty(); }
  // What is not fsynced is gone.
  void Crash() { journal_.clear(); }

  // Makes the oldest queued batch durable and returns its cosigned note.
  std::string Fsync(int64_t now_us) {
    const VerifiedBatch batch = std::move(journal_.front());
    journal_.pop_front();
    ledger::Bundle bundle;
    for (const VerifiedBatch::Piece& piece : batch.bundles) {
      EXPECT_TRUE(bundle.Decode(piece.bytes).ok());
      EXPECT_EQ(piece.first_sequence, leaves_.size());
      EXPECT_EQ(piece.count, bundle.count());
      for (size_t i = 0; i < bundle.count(); ++i) {
        leaves_.push_back(bundle.leaf_hash(i));
      }
    }
    EXPECT_EQ(batch.end_size, leaves_.size());
    EXPECT_EQ(batch.range.Root(), *RootAt(leaves_.size()));
    copy.range = batch.range;
    copy.last_commit_time_us = batch.last_commit_time_us;
    copy.checkpoint = *cosigner_.Cosign(
        batch.checkpoint, static_cast<uint64_t>(now_us / 1'000'000));
    return copy.checkpoint;
  }

  absl::StatusOr<ledger::Hash> RootAt(uint64_t size) const {
    if (size > leaves_.size()) return base::OutOfRangeError("{}", size);
    ledger::CompactRange range;
    for (uint64_t i = 0; i < size; ++i) range.Append(leaves_[i]);
    return range.Root();
  }
  const std::vector<ledger::Hash>& leaves() const { return leaves_; }
  const ledger::Cosigner& cosigner() const { return cosigner_; }

  CityCopy copy;

 private:
  ledger::Cosigner cosigner_;
  std::deque<VerifiedBatch> journal_;
  std::vector<ledger::Hash> leaves_;
};

}  // namespace tongchou::exchange
