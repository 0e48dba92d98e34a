#include "aggregator/service/authority.h"

#include "common/base/file.h"
#include "common/base/status.h"

namespace tongchou::aggregator {

absl::StatusOr<std::unique_ptr<NodeAuthority>> NodeAuthority::Open(
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
  return std::unique_ptr<NodeAuthority>(
      new NodeAuthority(std::move(pair), clock));
}

absl::StatusOr<std::string> NodeAuthority::Issue(
    const std::string& province, const std::string& city,
    const std::string& request_pem,
    const std::vector<std::string>& hosts) const {
  base::LeafRequest leaf;
  leaf.identity = {base::Role::kCityNode, province, city, ""};
  leaf.validity = {clock_.NowMicros(), kNodeCertificateDays};
  if (!hosts.empty()) leaf.hosts = hosts;
  return base::IssueRequested(pair_, request_pem, leaf);
}

}  // namespace tongchou::aggregator
