// The province's own log as this node follows it: what was verified of it, what
// it says to this city, and this city's cosignature on its heads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/base/sha256.h"
#include "common/exchange/follower.h"
#include "common/ledger/cosignature.h"
#include "common/ledger/log_store.h"
#include "common/transport/revocations.h"
#include "node/node_config.h"

namespace tongchou::node {

struct ProvinceViewStatus {
  uint64_t size = 0;           // entries verified
  int64_t commit_time_us = 0;  // of the last of them
  std::string problem;         // empty when all is well
};

// Thread-safe.
class ProvinceView {
 public:
  // Reads what earlier starts verified out of the log's small facts.
  static absl::StatusOr<std::unique_ptr<ProvinceView>> Open(
      const NodeConfig& config, ledger::LogStore* log, base::Clock* clock);
  // The same with the key of config.witness_key, which is not read.
  static absl::StatusOr<std::unique_ptr<ProvinceView>> Open(
      const NodeConfig& config, ledger::Cosigner cosigner,
      ledger::LogStore* log, base::Clock* clock);

  // The newest head that was verified, for Hello; empty before the first.
  std::string note() const;
  // A new stream begins behind it.
  void Restart();
  // A piece of the log. When a head covers it, what it says is kept durably and
  // the head comes back with this city's cosignature. After a piece that
  // contradicts what is known nothing is cosigned any more: both notes are kept
  // as evidence and status() says so.
  absl::StatusOr<std::string> OnPiece(const v1::ProvinceLog& piece);

  // The certificates that the province revoked.
  const transport::Revocations& revocations() const { return revocations_; }
  ProvinceViewStatus status() const;

 private:
  ProvinceView(const NodeConfig& config, ledger::Cosigner cosigner,
               ledger::LogStore* log, base::Clock* clock)
      : config_(config),
        cosigner_(std::move(cosigner)),
        log_(*log),
        clock_(*clock) {}
  absl::Status Load();
  absl::Status Keep(const exchange::FollowedNews& news)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status KeepEvidence(const absl::Status& why, const std::string& offered)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const NodeConfig config_;
  const ledger::Cosigner cosigner_;
  ledger::LogStore& log_;
  base::Clock& clock_;
  ledger::VerifierKey province_key_;
  mutable base::Mutex mutex_;
  std::unique_ptr<exchange::Follower> follower_ ABSL_GUARDED_BY(mutex_);
  std::string problem_ ABSL_GUARDED_BY(mutex_);
  transport::Revocations revocations_;
};

}  // namespace tongchou::node
