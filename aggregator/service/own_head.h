// The newest signed head of the province's own log.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/ledger/head_signer.h"
#include "common/ledger/log_store.h"

namespace tongchou::aggregator {

struct OwnHeadOptions {
  std::string sign_guard;
  std::string origin;                                 // tongchou/360000
  std::map<uint32_t, ledger::VerifierKey> witnesses;  // cities that cosign
};

struct SignedHead {
  uint64_t size = 0;
  std::string note;
};

// A city's newest cosignature on this log.
struct WitnessNews {
  uint64_t size = 0;
  int64_t cosigned_seconds = 0;
};

// Thread-safe.
class OwnHead {
 public:
  // A log that is older than what its guard says was signed is not signed any
  // more: problem() says so. Nothing else is refused then.
  static absl::StatusOr<std::unique_ptr<OwnHead>> Open(
      const OwnHeadOptions& options, ledger::Signer signer,
      ledger::LogStore* log);

  // Signs the log as it is now unless that was done; the newest note, empty
  // for an empty log. FAILED_PRECONDITION while there is a problem.
  absl::StatusOr<std::string> Sign();
  // The newest that was signed by this start, without signing.
  SignedHead newest() const;
  uint64_t signed_size() const { return signed_size_; }

  // Somebody shows a head of this log: a note with the province's signature. A
  // head that is newer than the log, or another, means that the province was
  // rolled back or copied: nothing is signed any more. INVALID_ARGUMENT when
  // the note is not the province's, FAILED_PRECONDITION for the others; else
  // the head's size.
  absl::StatusOr<uint64_t> Met(std::string_view note);

  // A head with a city's cosignature: kept with the head. INVALID_ARGUMENT
  // unless the head is one that was signed here and the line is the city's.
  absl::Status Cosigned(uint32_t city, std::string_view note);
  // A city that joined; what the configuration says of it counts.
  void AddWitness(uint32_t city, const ledger::VerifierKey& key);
  ledger::VerifierKey verifier() const { return signer_->verifier(); }
  // By city, since the start.
  std::map<uint32_t, WitnessNews> witnesses() const;

  // Why nothing is signed; empty when all is well.
  std::string problem() const;

 private:
  OwnHead(const OwnHeadOptions& options,
          std::unique_ptr<ledger::HeadSigner> signer, ledger::LogStore* log)
      : signer_(std::move(signer)), log_(*log), keys_(options.witnesses) {}

  std::string ProblemNow() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::unique_ptr<ledger::HeadSigner> signer_;
  ledger::LogStore& log_;
  mutable base::Mutex mutex_;
  std::atomic<uint64_t> signed_size_ = 0;
  std::string note_ ABSL_GUARDED_BY(mutex_);  // over signed_size_
  std::map<uint32_t, ledger::VerifierKey> keys_ ABSL_GUARDED_BY(mutex_);
  std::map<uint32_t, WitnessNews> witnesses_ ABSL_GUARDED_BY(mutex_);
  std::string met_problem_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tongchou::aggregator
