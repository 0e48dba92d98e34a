#include "common/base/certificate.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/openssl_handles.h"
#include "common/base/status.h"

namespace tongchou::base {
namespace {

constexpr int64_t kSecondsPerDay = 86'400;
constexpr int64_t kBackdateSeconds = 3'600;
constexpr int kSerialBytes = 16;

std::string BioText(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

BioPtr ReadBio(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

EvpKeyPtr NewKey() {
  EvpKeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  TONGCHOU_CHECK(key != nullptr);
  return key;
}

std::string KeyPem(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  TONGCHOU_CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr,
                                               0, nullptr, nullptr) == 1);
  return BioText(bio.get());
}

std::string CertificatePem(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  TONGCHOU_CHECK(PEM_write_bio_X509(bio.get(), certificate) == 1);
  return BioText(bio.get());
}

absl::StatusOr<X509Ptr> ParseCertificate(std::string_view pem) {
  const BioPtr bio = ReadBio(pem);
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (certificate == nullptr) {
    return InvalidArgumentError("this is no certificate in PEM");
  }
  return certificate;
}

absl::StatusOr<EvpKeyPtr> ParseKey(std::string_view pem) {
  const BioPtr bio = ReadBio(pem);
  EvpKeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (key == nullptr) {
    return InvalidArgumentError("this is no private key in PEM");
  }
  return key;
}

void AddExtension(X509* certificate, X509* issuer, int nid,
                  const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const X509ExtensionPtr extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  TONGCHOU_CHECK(extension != nullptr);
  TONGCHOU_CHECK(X509_add_ext(certificate, extension.get(), -1) == 1);
}

void SetSerial(X509* certificate) {
  unsigned char bytes[kSerialBytes];
  TONGCHOU_CHECK(RAND_bytes(bytes, sizeof(bytes)) == 1);
  bytes[0] &= 0x7f;
  BIGNUM* number = BN_bin2bn(bytes, sizeof(bytes), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
}

absl::Status CheckValidity(const Validity& validity) {
  if (validity.days < 1 || validity.days > kValidityDaysMax) {
    return InvalidArgumentError("a certificate is valid for 1 to {} days",
                                kValidityDaysMax);
  }
  return absl::OkStatus();
}

// Version, serial, times, subject and key; extensions and signature follow.
X509Ptr Draft(std::string_view name, const Validity& validity, EVP_PKEY* key) {
  X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  SetSerial(certificate.get());
  const int64_t now = validity.now_micros / kMicrosPerSecond;
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), now - kBackdateSeconds);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()),
                now + validity.days * kSecondsPerDay);
  X509_NAME_add_entry_by_txt(
      X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
      reinterpret_cast<const unsigned char*>(name.data()),
      static_cast<int>(name.size()), -1, 0);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

bool IsAddress(const std::string& host) {
  unsigned char buffer[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), buffer) == 1 ||
         inet_pton(AF_INET6, host.c_str(), buffer) == 1;
}

absl::StatusOr<std::string> AlternativeNames(const LeafRequest& request) {
  ASSIGN_OR_RETURN(const std::string uri, FormatIdentity(request.identity));
  std::string names = "URI:" + uri;
  if (!IsServerRole(request.identity.role)) return names;
  for (const std::string& host : request.hosts) {
    if (host.empty() || host.find_first_of(",\n:") != host.npos) {
      return InvalidArgumentError("'{}' is no host name or IPv4 address", host);
    }
    names += (IsAddress(host) ? ",IP:" : ",DNS:") + host;
  }
  return names;
}

absl::StatusOr<std::string> IssueFor(const KeyAndCertificate& authority,
                                     EVP_PKEY* key,
                                     const LeafRequest& request) {
  RETURN_IF_ERROR(CheckValidity(request.validity));
  ASSIGN_OR_RETURN(const std::string names, AlternativeNames(request));
  ASSIGN_OR_RETURN(const X509Ptr issuer,
                   ParseCertificate(authority.certificate_pem));
  ASSIGN_OR_RETURN(const EvpKeyPtr issuer_key, ParseKey(authority.key_pem));
  if (X509_check_private_key(issuer.get(), issuer_key.get()) != 1) {
    ERR_clear_error();
    return FailedPreconditionError(
        "the authority's key does not belong to its certificate");
  }
  const X509Ptr certificate =
      Draft(RoleName(request.identity.role), request.validity, key);
  X509* const leaf = certificate.get();
  X509_set_issuer_name(leaf, X509_get_subject_name(issuer.get()));
  AddExtension(leaf, issuer.get(), NID_basic_constraints, "critical,CA:FALSE");
  AddExtension(leaf, issuer.get(), NID_key_usage, "critical,digitalSignature");
  AddExtension(leaf, issuer.get(), NID_ext_key_usage,
               IsServerRole(request.identity.role) ? "serverAuth,clientAuth"
                                                   : "clientAuth");
  AddExtension(leaf, issuer.get(), NID_authority_key_identifier, "keyid");
  AddExtension(leaf, issuer.get(), NID_subject_alt_name, names);
  TONGCHOU_CHECK(X509_sign(leaf, issuer_key.get(), EVP_sha256()) != 0);
  return CertificatePem(leaf);
}

void AddAddress(const ASN1_OCTET_STRING& address,
                std::vector<std::string>* addresses) {
  char text[INET_ADDRSTRLEN];
  if (ASN1_STRING_length(&address) != sizeof(in_addr)) return;
  if (inet_ntop(AF_INET, ASN1_STRING_get0_data(&address), text, sizeof(text))) {
    addresses->push_back(text);
  }
}

int64_t Micros(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return int64_t{timegm(&parts)} * kMicrosPerSecond;
}

}  // namespace

absl::StatusOr<KeyAndCertificate> MakeAuthority(std::string_view name,
                                                const Validity& validity) {
  RETURN_IF_ERROR(CheckValidity(validity));
  if (name.empty() || name.size() > 64) {
    return InvalidArgumentError("an authority's name has 1 to 64 characters");
  }
  const EvpKeyPtr key = NewKey();
  const X509Ptr certificate = Draft(name, validity, key.get());
  X509* const self = certificate.get();
  X509_set_issuer_name(self, X509_get_subject_name(self));
  AddExtension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  AddExtension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign");
  AddExtension(self, self, NID_subject_key_identifier, "hash");
  TONGCHOU_CHECK(X509_sign(self, key.get(), EVP_sha256()) != 0);
  return KeyAndCertificate{KeyPem(key.get()), CertificatePem(self)};
}

absl::StatusOr<KeyAndCertificate> IssueCertificate(
    const KeyAndCertificate& authority, const LeafRequest& request) {
  const EvpKeyPtr key = NewKey();
  ASSIGN_OR_RETURN(std::string certificate,
                   IssueFor(authority, key.get(), request));
  return KeyAndCertificate{KeyPem(key.get()), std::move(certificate)};
}

KeyAndRequest MakeCertificateRequest() {
  const EvpKeyPtr key = NewKey();
  const X509RequestPtr request(X509_REQ_new());
  X509_REQ_set_version(request.get(), 0);
  X509_REQ_set_pubkey(request.get(), key.get());
  TONGCHOU_CHECK(X509_REQ_sign(request.get(), key.get(), EVP_sha256()) != 0);
  const BioPtr bio(BIO_new(BIO_s_mem()));
  TONGCHOU_CHECK(PEM_write_bio_X509_REQ(bio.get(), request.get()) == 1);
  return {KeyPem(key.get()), BioText(bio.get())};
}

absl::StatusOr<std::string> IssueRequested(const KeyAndCertificate& authority,
                                           std::string_view request_pem,
                                           const LeafRequest& request) {
  const BioPtr bio = ReadBio(request_pem);
  const X509RequestPtr asked(
      PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  EVP_PKEY* const key =
      asked == nullptr ? nullptr : X509_REQ_get0_pubkey(asked.get());
  if (key == nullptr || X509_REQ_verify(asked.get(), key) != 1) {
    ERR_clear_error();
    return InvalidArgumentError(
        "this is no certificate request in PEM that is signed with its key");
  }
  return IssueFor(authority, key, request);
}

absl::StatusOr<int> CertificateDaysLeft(const std::string& path,
                                        int64_t now_us) {
  ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
  ASSIGN_OR_RETURN(const CertificateFacts facts, ReadCertificate(pem));
  return static_cast<int>((facts.not_after_micros - now_us) / kMicrosPerDay);
}

absl::StatusOr<Hash> CertificateFingerprint(std::string_view pem) {
  ASSIGN_OR_RETURN(const X509Ptr certificate, ParseCertificate(pem));
  uint8_t* der = nullptr;
  const int length = i2d_X509(certificate.get(), &der);
  TONGCHOU_CHECK(length > 0);
  const Hash hash =
      Sha256({reinterpret_cast<const char*>(der), static_cast<size_t>(length)});
  OPENSSL_free(der);
  return hash;
}

absl::StatusOr<CertificateFacts> ReadCertificate(std::string_view pem) {
  ASSIGN_OR_RETURN(const X509Ptr certificate, ParseCertificate(pem));
  CertificateFacts facts;
  facts.not_before_micros = Micros(X509_get0_notBefore(certificate.get()));
  facts.not_after_micros = Micros(X509_get0_notAfter(certificate.get()));
  if (facts.not_before_micros == 0 || facts.not_after_micros == 0) {
    return InvalidArgumentError("the certificate's times cannot be read");
  }
  facts.is_authority = X509_check_ca(certificate.get()) == 1;
  const GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(
      certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_IPADD) {
      AddAddress(*name->d.iPAddress, &facts.addresses);
    }
    if (name->type != GEN_URI && name->type != GEN_DNS) continue;
    const ASN1_STRING* text = name->type == GEN_URI
                                  ? name->d.uniformResourceIdentifier
                                  : name->d.dNSName;
    std::string value(
        reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
        static_cast<size_t>(ASN1_STRING_length(text)));
    (name->type == GEN_URI ? facts.uris : facts.dns_names)
        .push_back(std::move(value));
  }
  return facts;
}

absl::StatusOr<Identity> CertificateIdentity(std::string_view pem) {
  ASSIGN_OR_RETURN(const CertificateFacts facts, ReadCertificate(pem));
  if (facts.uris.size() != 1) {
    return InvalidArgumentError("the certificate carries {} URIs, not one",
                                facts.uris.size());
  }
  return ParseIdentity(facts.uris.front());
}

absl::Status CheckKeyMatches(std::string_view certificate_pem,
                             std::string_view key_pem) {
  ASSIGN_OR_RETURN(const X509Ptr certificate,
                   ParseCertificate(certificate_pem));
  ASSIGN_OR_RETURN(const EvpKeyPtr key, ParseKey(key_pem));
  const bool matches =
      X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (matches) return absl::OkStatus();
  return FailedPreconditionError(
      "the private key does not belong to the certificate");
}

absl::Status CheckIssuedBy(std::string_view certificate_pem,
                           std::string_view authorities_pem) {
  ASSIGN_OR_RETURN(const X509Ptr certificate,
                   ParseCertificate(certificate_pem));
  const BioPtr bio = ReadBio(authorities_pem);
  while (true) {
    const X509Ptr authority(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    ERR_clear_error();
    if (authority == nullptr) break;
    const bool issued =
        X509_verify(certificate.get(), X509_get0_pubkey(authority.get())) == 1;
    ERR_clear_error();
    if (issued) return absl::OkStatus();
  }
  return FailedPreconditionError(
      "the certificate was not issued by the configured authority");
}

}  // namespace tongchou::base
