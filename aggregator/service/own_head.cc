#include "aggregator/service/own_head.h"

#include "common/base/status.h"

namespace tongchou::aggregator {

absl::StatusOr<std::unique_ptr<OwnHead>> OwnHead::Open(
    const OwnHeadOptions& options, ledger::Signer signer,
    ledger::LogStore* log) {
  ASSIGN_OR_RETURN(
      auto head_signer,
      ledger::HeadSigner::Open(options.sign_guard, options.origin,
                               std::move(signer), log, /*alone=*/true));
  // Nobody else confirms the log: its guard does.
  if (head_signer->read_only_reason().empty()) {
    RETURN_IF_ERROR(head_signer->Confirm(0, ledger::EmptyRoot()));
  }
  return std::unique_ptr<OwnHead>(new OwnHead(std::move(head_signer), log));
}

absl::StatusOr<std::string> OwnHead::Sign() {
  base::MutexLock lock(mutex_);
  const std::string reason = signer_->read_only_reason();
  if (!reason.empty() || !met_problem_.empty()) {
    return base::FailedPreconditionError(
        "the province's log: {}", reason.empty() ? met_problem_ : reason);
  }
  const ledger::LogHead head = log_.Head();
  if (head.size() == signed_size_) return signer_->last_note();
  ASSIGN_OR_RETURN(std::string note,
                   signer_->Sign(head.size(), head.range.Root()));
  RETURN_IF_ERROR(log_.PutCheckpoint(head.size(), note));
  RETURN_IF_ERROR(signer_->SaveGuard());
  signed_size_ = head.size();
  return note;
}

absl::Status OwnHead::Met(std::string_view note) {
  ASSIGN_OR_RETURN(const ledger::Checkpoint seen,
                   ledger::OpenCheckpoint(note, signer_->verifier()));
  const uint64_t size = log_.Head().size();
  std::string problem;
  if (seen.size > size) {
    problem = fmt::format(
        "{} entries were signed and here are {}: this is an old copy; bring "
        "the newest one back",
        seen.size, size);
  } else {
    ASSIGN_OR_RETURN(const ledger::Hash root, log_.RootAt(seen.size));
    if (root != seen.root) {
      problem = fmt::format(
          "another log was signed with this key at size {}: two copies of the "
          "province have run; keep the one that the cities know",
          seen.size);
    }
  }
  if (problem.empty()) return absl::OkStatus();
  base::MutexLock lock(mutex_);
  met_problem_ = std::move(problem);
  return absl::OkStatus();
}

std::string OwnHead::problem() const {
  std::string reason = signer_->read_only_reason();
  if (!reason.empty()) return reason;
  base::MutexLock lock(mutex_);
  return met_problem_;
}

}  // namespace tongchou::aggregator
