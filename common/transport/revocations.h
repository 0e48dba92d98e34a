// The certificates that the province revoked, one by one or all that a city's
// node had before its keys were replaced, for servers that ask before every
// message: while there are none, asking is free, and with some it costs a
// look-up, since the certificate of a call is read once.
#pragma once

#include <grpcpp/server_context.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "common/base/mutex.h"
#include "common/base/sha256.h"
#include "common/transport/peer.h"

namespace tongchou::transport {

// Thread-safe.
class Revocations {
 public:
  // SHA-256 of a certificate (DER).
  void Add(const base::Hash& certificate);
  // Those of the city's node that are valid from before this time, microseconds
  // since 1970 UTC; the latest time counts.
  void AddBefore(const std::string& division, int64_t time_us);
  bool any() const { return any_.load(std::memory_order_acquire); }
  std::set<base::Hash> all() const;
  // PERMISSION_DENIED when it was revoked.
  absl::Status Check(const CertificateOfPeer& certificate) const;

 private:
  mutable base::Mutex mutex_;
  std::set<base::Hash> revoked_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int64_t> nodes_from_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> any_ = false;
};

// The caller of one call or stream. Thread-confined, within the call.
class PeerWatch {
 public:
  PeerWatch(const Revocations& revocations,
            const grpc::ServerContextBase& context)
      : revocations_(&revocations), context_(&context) {}

  // PERMISSION_DENIED when the caller's certificate was revoked, or there is
  // none.
  absl::Status Check();

 private:
  const Revocations* revocations_;
  const grpc::ServerContextBase* context_;
  std::optional<CertificateOfPeer> certificate_;
};

}  // namespace tongchou::transport
