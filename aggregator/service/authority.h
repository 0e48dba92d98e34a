// The authority that issues nodes' certificates, where the province has it at
// the aggregator.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/certificate.h"
#include "common/base/clock.h"

namespace tongchou::aggregator {

// Days for which a node's certificate is valid; it renews it by itself.
inline constexpr int kNodeCertificateDays = 90;

// Names and addresses of one node.
inline constexpr size_t kJoinHostsMax = 8;

// Immutable, thread-safe.
class NodeAuthority {
 public:
  // Null when no file is named: nodes get their certificates by hand then.
  static absl::StatusOr<std::unique_ptr<NodeAuthority>> Open(
      const std::string& certificate, const std::string& key,
      base::Clock* clock);

  // The certificate (PEM) of the node of a city for the key of the request.
  absl::StatusOr<std::string> Issue(
      const std::string& province, const std::string& city,
      const std::string& request_pem,
      const std::vector<std::string>& hosts) const;
  const std::string& certificate() const { return pair_.certificate_pem; }

 private:
  NodeAuthority(base::KeyAndCertificate pair, base::Clock* clock)
      : pair_(std::move(pair)), clock_(*clock) {}

  const base::KeyAndCertificate pair_;
  base::Clock& clock_;
};

}  // namespace tongchou::aggregator
