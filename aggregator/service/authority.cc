#include "aggregator/service/authority.h"

#include "common/base/file.h"
#include "common/base/status.h"

namespace tongchou::aggregator {

absl::StatusOr<std::unique_ptr<Authority>> Authority::Open(
    const std::string& certificate, const std::string& key,
    base::Clock* clock) {
  if (certificate.empty()) return nullptr;
  base::KeyAndCertificate pair;
  ASSIGN_OR_RETURN(pair.certificate_pem, base::ReadFile(certificate));
  ASSIGN_OR_RETURN(pair.key_pem, base::ReadFile(key));
  RETURN_IF_ERROR(base::CheckPrivate(key));
  const absl::Status fits =
      base::CheckKeyMatches(pair.certificate_pem, pair.key_pem);
  if (!fits.ok()) return base::Annotate(fits, key);
  return std::unique_ptr<Authority>(new Authority(std::move(pair), clock));
}

absl::StatusOr<std::string> Authority::Issue(
    const std::string& province, const std::string& city,
    const std::string& request_pem,
    const std::vector<std::string>& hosts) const {
  base::LeafRequest leaf;
  leaf.identity = {base::Role::kCityNode, province, city, ""};
  leaf.validity = {clock_.NowMicros(), kServerCertificateDays};
  if (!hosts.empty()) leaf.hosts = hosts;
  return base::IssueRequested(pair_, request_pem, leaf);
}

absl::StatusOr<bool> Authority::RenewOwn(
    const transport::TlsFiles& files) const {
  const int64_t now = clock_.NowMicros();
  ASSIGN_OR_RETURN(const int days,
                   base::CertificateDaysLeft(files.certificate, now));
  if (days >= base::kRenewalDays) return false;
  ASSIGN_OR_RETURN(const std::string pem, base::ReadFile(files.certificate));
  ASSIGN_OR_RETURN(const base::CertificateFacts facts,
                   base::ReadCertificate(pem));
  base::LeafRequest leaf;
  ASSIGN_OR_RETURN(leaf.identity, base::CertificateIdentity(pem));
  leaf.validity = {now, kServerCertificateDays};
  leaf.hosts = facts.dns_names;
  leaf.hosts.insert(leaf.hosts.end(), facts.addresses.begin(),
                    facts.addresses.end());
  ASSIGN_OR_RETURN(const base::KeyAndCertificate fresh,
                   base::IssueCertificate(pair_, leaf));
  // The key first: who reads in between finds a pair that does not fit and
  // keeps the old one.
  RETURN_IF_ERROR(base::WritePrivateFileDurably(files.key, fresh.key_pem));
  RETURN_IF_ERROR(
      base::WriteFileDurably(files.certificate, fresh.certificate_pem));
  return true;
}

}  // namespace tongchou::aggregator
