#include "common/transport/peer.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>

#include <memory>
#include <string_view>
#include <vector>

#include "common/base/certificate.h"
#include "common/base/status.h"

namespace tongchou::transport {
namespace {

constexpr char kUriProperty[] = "peer_uri";

}  // namespace

absl::StatusOr<base::Identity> PeerIdentity(
    const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  if (peer == nullptr || !peer->IsPeerAuthenticated()) {
    return base::PermissionDeniedError("the client showed no certificate");
  }
  const std::vector<grpc::string_ref> uris =
      peer->FindPropertyValues(kUriProperty);
  if (uris.size() != 1) {
    return base::PermissionDeniedError(
        "the client's certificate has {} URIs instead of one", uris.size());
  }
  auto identity = base::ParseIdentity({uris[0].data(), uris[0].size()});
  if (identity.ok()) return identity;
  return base::PermissionDeniedError("the client's certificate: {}",
                                     base::Message(identity.status()));
}

absl::StatusOr<CertificateOfPeer> PeerCertificate(
    const grpc::ServerContextBase& context) {
  CertificateOfPeer certificate;
  ASSIGN_OR_RETURN(certificate.identity, PeerIdentity(context));
  const std::vector<grpc::string_ref> pems =
      context.auth_context()->FindPropertyValues(
          GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (pems.size() != 1) {
    return base::PermissionDeniedError("the client showed no certificate");
  }
  const std::string_view pem(pems[0].data(), pems[0].size());
  ASSIGN_OR_RETURN(certificate.fingerprint, base::CertificateFingerprint(pem));
  ASSIGN_OR_RETURN(const base::CertificateFacts facts,
                   base::ReadCertificate(pem));
  certificate.not_before_us = facts.not_before_micros;
  return certificate;
}

}  // namespace tongchou::transport
