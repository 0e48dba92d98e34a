#include "common/transport/revocations.h"

#include <algorithm>

#include "common/base/status.h"

namespace tongchou::transport {

void Revocations::Add(const base::Hash& certificate) {
  base::MutexLock lock(mutex_);
  revoked_.insert(certificate);
  any_.store(true, std::memory_order_release);
}

void Revocations::AddBefore(const std::string& division, int64_t time_us) {
  base::MutexLock lock(mutex_);
  int64_t& from = nodes_from_[division];
  from = std::max(from, time_us);
  any_.store(true, std::memory_order_release);
}

std::set<base::Hash> Revocations::all() const {
  base::MutexLock lock(mutex_);
  return revoked_;
}

absl::Status Revocations::Check(const CertificateOfPeer& certificate) const {
  base::MutexLock lock(mutex_);
  if (revoked_.contains(certificate.fingerprint)) {
    return base::PermissionDeniedError(
        "this certificate was revoked; have a new one issued");
  }
  const auto from = nodes_from_.find(certificate.identity.division);
  if (certificate.identity.role != base::Role::kCityNode ||
      from == nodes_from_.end() || certificate.not_before_us >= from->second) {
    return absl::OkStatus();
  }
  return base::PermissionDeniedError(
      "this certificate was revoked when the province replaced the keys of "
      "{}; the node that has the new keys has a new one",
      certificate.identity.division);
}

absl::Status PeerWatch::Check() {
  if (!revocations_->any()) return absl::OkStatus();
  if (!certificate_.has_value()) {
    ASSIGN_OR_RETURN(certificate_, PeerCertificate(*context_));
  }
  return revocations_->Check(*certificate_);
}

}  // namespace tongchou::transport
