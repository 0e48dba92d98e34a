#include "common/transport/credentials.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <chrono>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/certificate.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/transport/grpc_status.h"

namespace tongchou::transport {
namespace {

using grpc::experimental::FileWatcherCertificateProvider;

constexpr unsigned kRefreshSeconds = 10;

int64_t NowMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

absl::StatusOr<std::string> ReadNamed(const std::string& path,
                                      std::string_view what) {
  if (!path.empty()) return base::ReadFile(path);
  return base::InvalidArgumentError("tls: no file is configured as {}", what);
}

absl::Status CheckDates(const std::string& path, const std::string& pem) {
  const auto facts = base::ReadCertificate(pem);
  if (!facts.ok()) return base::Annotate(facts.status(), path);
  const int64_t now = NowMicros();
  if (now < facts->not_before_micros) {
    return base::FailedPreconditionError(
        "{}: the certificate is not valid yet; check this machine's clock",
        path);
  }
  if (now > facts->not_after_micros) {
    return base::FailedPreconditionError(
        "{}: the certificate has expired; have a new one issued", path);
  }
  return absl::OkStatus();
}

absl::Status AnnotateError(const absl::Status& status,
                           const std::string& path) {
  return status.ok() ? status : base::Annotate(status, path);
}

absl::StatusOr<std::string> CheckedCertificate(const TlsFiles& files) {
  ASSIGN_OR_RETURN(const std::string ca, ReadNamed(files.ca, "ca"));
  ASSIGN_OR_RETURN(std::string certificate,
                   ReadNamed(files.certificate, "certificate"));
  ASSIGN_OR_RETURN(const std::string key, ReadNamed(files.key, "key"));
  RETURN_IF_ERROR(base::CheckPrivate(files.key));
  RETURN_IF_ERROR(CheckDates(files.ca, ca));
  RETURN_IF_ERROR(CheckDates(files.certificate, certificate));
  RETURN_IF_ERROR(
      AnnotateError(base::CheckKeyMatches(certificate, key), files.key));
  RETURN_IF_ERROR(
      AnnotateError(base::CheckIssuedBy(certificate, ca), files.certificate));
  return certificate;
}

std::shared_ptr<FileWatcherCertificateProvider> MakeProvider(
    const TlsFiles& files) {
  return std::make_shared<FileWatcherCertificateProvider>(
      files.key, files.certificate, files.ca, kRefreshSeconds);
}

class PeerVerifier final
    : public grpc::experimental::ExternalCertificateVerifier {
 public:
  explicit PeerVerifier(base::ExpectedPeer expected)
      : expected_(std::move(expected)) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)> /*callback*/,
              grpc::Status* sync_status) override {
    *sync_status = ToGrpc(Check(request->uri_names()));
    return true;
  }

  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest*) override {
  }

 private:
  absl::Status Check(const std::vector<grpc::string_ref>& uris) const {
    if (uris.size() != 1) {
      return base::PermissionDeniedError(
          "the server's certificate has {} URIs instead of one", uris.size());
    }
    ASSIGN_OR_RETURN(const base::Identity actual,
                     base::ParseIdentity({uris[0].data(), uris[0].size()}));
    return base::CheckPeer(expected_, actual);
  }

  const base::ExpectedPeer expected_;
};

// Takes one certificate and no other.
class PinVerifier final
    : public grpc::experimental::ExternalCertificateVerifier {
 public:
  explicit PinVerifier(const base::Hash& fingerprint)
      : fingerprint_(fingerprint) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)> /*callback*/,
              grpc::Status* sync_status) override {
    const grpc::string_ref pem = request->peer_cert();
    const auto shown = base::CertificateFingerprint({pem.data(), pem.size()});
    const bool same = shown.ok() && *shown == fingerprint_;
    *sync_status = ToGrpc(same ? absl::OkStatus()
                               : base::PermissionDeniedError(
                                     "the other end is not the province that "
                                     "gave the token"));
    return true;
  }

  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest*) override {
  }

 private:
  const base::Hash fingerprint_;
};

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> ServerCredentialsWith(
    const TlsFiles& files, grpc_ssl_client_certificate_request_type clients) {
  RETURN_IF_ERROR(CheckedCertificate(files).status());
  grpc::experimental::TlsServerCredentialsOptions options(MakeProvider(files));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(clients);
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace

absl::Status CheckTlsFiles(const TlsFiles& files,
                           const base::ExpectedPeer& self) {
  ASSIGN_OR_RETURN(const std::string certificate, CheckedCertificate(files));
  const auto identity = base::CertificateIdentity(certificate);
  if (!identity.ok()) {
    return base::Annotate(identity.status(), files.certificate);
  }
  return AnnotateError(base::CheckPeer(self, *identity), files.certificate);
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsFiles& files) {
  return ServerCredentialsWith(
      files, GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>>
MakeOpenServerCredentials(const TlsFiles& files) {
  return ServerCredentialsWith(files, GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
}

std::shared_ptr<grpc::ChannelCredentials> MakePinnedChannelCredentials(
    const base::Hash& fingerprint) {
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<PinVerifier>(
          fingerprint));
  return grpc::experimental::TlsCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>>
MakeChannelCredentials(const TlsFiles& files,
                       const base::ExpectedPeer& server) {
  RETURN_IF_ERROR(CheckedCertificate(files).status());
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(MakeProvider(files));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_verify_server_certs(true);
  options.set_check_call_host(false);
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<PeerVerifier>(
          server));
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace tongchou::transport
