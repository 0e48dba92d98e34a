#include "common/transport/revocations.h"

#include "common/base/status.h"
#include "common/transport/peer.h"

namespace tongchou::transport {

void Revocations::Add(const base::Hash& certificate) {
  base::MutexLock lock(mutex_);
  revoked_.insert(certificate);
  any_.store(true, std::memory_order_release);
}

std::set<base::Hash> Revocations::all() const {
  base::MutexLock lock(mutex_);
  return revoked_;
}

absl::Status Revocations::Check(const base::Hash& certificate) const {
  base::MutexLock lock(mutex_);
  if (!revoked_.contains(certificate)) return absl::OkStatus();
  return base::PermissionDeniedError(
      "this certificate was revoked; have a new one issued");
}

absl::Status PeerWatch::Check() {
  if (!revocations_->any()) return absl::OkStatus();
  if (!certificate_.has_value()) {
    ASSIGN_OR_RETURN(certificate_, PeerCertificate(*context_));
  }
  return revocations_->Check(*certificate_);
}

}  // namespace tongchou::transport
