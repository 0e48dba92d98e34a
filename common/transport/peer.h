// Who is calling.
#pragma once

#include <grpcpp/server_context.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/base/identity.h"
#include "common/base/sha256.h"

namespace tongchou::transport {

// The identity in the client's certificate, for any kind of server context.
// Call it first in every handler: no field of a message says who the sender
// is. PERMISSION_DENIED if the connection has no verified certificate or this
// one has not exactly one URI that is an identity.
absl::StatusOr<base::Identity> PeerIdentity(
    const grpc::ServerContextBase& context);

struct CertificateOfPeer {
  base::Hash fingerprint;  // SHA-256 of its DER form
  base::Identity identity;
  int64_t not_before_us = 0;
};

// What tells two certificates of one identity apart. PERMISSION_DENIED if there
// is none, or as PeerIdentity.
absl::StatusOr<CertificateOfPeer> PeerCertificate(
    const grpc::ServerContextBase& context);

}  // namespace tongchou::transport
