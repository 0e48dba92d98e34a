// Mutual TLS between programs and people: each end shows a certificate of the
// same authority, and its SPIFFE URI says who it is. Host names count for
// nothing.
//
// Credentials read their files again when these change: new connections use
// the new ones some seconds later, open ones go on. Replace a certificate and
// its key together: while they do not match, new connections fail. All
// functions may be called from any thread.
#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/identity.h"
#include "common/base/sha256.h"

namespace tongchou::transport {

// Paths of PEM files.
struct TlsFiles {
  std::string ca;           // the authorities that peers' certificates are of
  std::string certificate;  // our own
  std::string key;
};

// Whether a program that is to be `self` can work with these files: all are
// readable, the key is the certificate's, the authority issued it, it is valid
// now and its identity is the right one. An error is one line that names the
// file: NOT_FOUND and the like for reading, INVALID_ARGUMENT for what is not
// PEM, FAILED_PRECONDITION for files that do not fit together or are out of
// date, PERMISSION_DENIED for another identity.
absl::Status CheckTlsFiles(const TlsFiles& files,
                           const base::ExpectedPeer& self);

// For servers: clients must show a certificate of the authority. Who they are
// is for PeerIdentity. Errors as those of CheckTlsFiles, without identity.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsFiles& files);

// For servers whose clients have no certificate yet.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>>
MakeOpenServerCredentials(const TlsFiles& files);

// For clients that have no certificate yet: the server must show the
// certificate with this fingerprint (SHA-256, DER).
std::shared_ptr<grpc::ChannelCredentials> MakePinnedChannelCredentials(
    const base::Hash& fingerprint);

// For clients: the server must show a certificate of the authority with
// exactly one URI, and that one must be `server`. Errors as above.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>>
MakeChannelCredentials(const TlsFiles& files, const base::ExpectedPeer& server);

}  // namespace tongchou::transport
