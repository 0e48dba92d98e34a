// X.509 certificates: a small authority for development and quickstart, and
// the facts that programs need of any certificate. Keys are ECDSA P-256 in
// PKCS #8 PEM; certificates are PEM. The keys that sign logs are others and
// live in ed25519.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/identity.h"
#include "common/base/sha256.h"

namespace tongchou::base {

struct KeyAndCertificate {
  std::string key_pem;  // secret: write it with WritePrivateFileDurably
  std::string certificate_pem;
};

struct Validity {
  int64_t now_micros = 0;  // valid from an hour before, for skewed clocks
  int days = 825;
};
inline constexpr int kValidityDaysMax = 3650;

// A self-signed authority that may sign leaves only. `name` becomes its common
// name, 1 to 64 characters of ASCII.
absl::StatusOr<KeyAndCertificate> MakeAuthority(std::string_view name,
                                                const Validity& validity);

struct LeafRequest {
  Identity identity;
  Validity validity;
  // Names and IP addresses by which a server is reached; ignored for roles
  // that are not servers.
  std::vector<std::string> hosts = {"localhost", "127.0.0.1"};
};

// A fresh key and its certificate with the identity as the one URI. Roles that
// are not servers cannot be used as one (extended key usage).
absl::StatusOr<KeyAndCertificate> IssueCertificate(
    const KeyAndCertificate& authority, const LeafRequest& request);

struct KeyAndRequest {
  std::string key_pem;      // secret
  std::string request_pem;  // PKCS #10
};

// A fresh key and a request for a certificate for it; what the certificate will
// say is for the authority.
KeyAndRequest MakeCertificateRequest();

// A certificate (PEM) for the key of the request, which must be signed with
// that key. INVALID_ARGUMENT when it is no such request.
absl::StatusOr<std::string> IssueRequested(const KeyAndCertificate& authority,
                                           std::string_view request_pem,
                                           const LeafRequest& request);

struct CertificateFacts {
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  std::vector<std::string> addresses;  // IPv4
  int64_t not_before_micros = 0;
  int64_t not_after_micros = 0;
  bool is_authority = false;
};

// Facts of the first certificate in the text. INVALID_ARGUMENT if there is
// none or its times cannot be read.
absl::StatusOr<CertificateFacts> ReadCertificate(std::string_view pem);

// Whole days for which the certificate at a path is still valid at a time,
// microseconds since 1970 UTC; negative when it no longer is.
absl::StatusOr<int> CertificateDaysLeft(const std::string& path,
                                        int64_t now_us);

// SHA-256 of the first certificate in the text (DER). INVALID_ARGUMENT if there
// is none.
absl::StatusOr<Hash> CertificateFingerprint(std::string_view pem);

// The identity in the certificate; INVALID_ARGUMENT unless it carries exactly
// one URI and that is an identity.
absl::StatusOr<Identity> CertificateIdentity(std::string_view pem);

// FAILED_PRECONDITION if the private key is not the certificate's.
absl::Status CheckKeyMatches(std::string_view certificate_pem,
                             std::string_view key_pem);

// FAILED_PRECONDITION if no authority in `authorities_pem` signed the
// certificate.
absl::Status CheckIssuedBy(std::string_view certificate_pem,
                           std::string_view authorities_pem);

}  // namespace tongchou::base
