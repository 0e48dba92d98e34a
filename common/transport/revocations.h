// The certificates that the province revoked, for servers that ask before every
// message: while there are none, asking is free, and with some it costs a
// look-up, since the certificate of a call is read once.
#pragma once

#include <grpcpp/server_context.h>

#include <atomic>
#include <optional>
#include <set>

#include "absl/status/status.h"
#include "common/base/mutex.h"
#include "common/base/sha256.h"

namespace tongchou::transport {

// Thread-safe.
class Revocations {
 public:
  // SHA-256 of a certificate (DER).
  void Add(const base::Hash& certificate);
  bool any() const { return any_.load(std::memory_order_acquire); }
  std::set<base::Hash> all() const;
  // PERMISSION_DENIED when it was revoked.
  absl::Status Check(const base::Hash& certificate) const;

 private:
  mutable base::Mutex mutex_;
  std::set<base::Hash> revoked_ ABSL_GUARDED_BY(mutex_);
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
  std::optional<base::Hash> certificate_;
};

}  // namespace tongchou::transport
