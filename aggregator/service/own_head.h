// The newest signed head of the province's own log.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/ledger/head_signer.h"
#include "common/ledger/log_store.h"

namespace tongchou::aggregator {

struct OwnHeadOptions {
  std::string sign_guard;
  std::string origin;  // tongchou/360000
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
  // The newest note that was signed, without signing.
  std::string note() const { return signer_->last_note(); }

  // Somebody shows a head of this log: a note with the province's signature. A
  // head that is newer than the log, or another, means that the province was
  // rolled back or copied: nothing is signed any more. INVALID_ARGUMENT when
  // the note is not the province's.
  absl::Status Met(std::string_view note);

  // Why nothing is signed; empty when all is well.
  std::string problem() const;

 private:
  OwnHead(std::unique_ptr<ledger::HeadSigner> signer, ledger::LogStore* log)
      : signer_(std::move(signer)), log_(*log) {}

  const std::unique_ptr<ledger::HeadSigner> signer_;
  ledger::LogStore& log_;
  mutable base::Mutex mutex_;
  uint64_t signed_size_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string met_problem_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tongchou::aggregator
