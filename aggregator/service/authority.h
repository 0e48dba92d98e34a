// The authority that issues certificates to nodes and to the aggregator itself,
// where the province has it at the aggregator.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/certificate.h"
#include "common/base/clock.h"
#include "common/transport/credentials.h"

namespace tongchou::aggregator {

// Days for which a certificate from here is valid; its owner renews it by
// itself.
inline constexpr int kServerCertificateDays = 90;

// Names and addresses of one node.
inline constexpr size_t kJoinHostsMax = 8;

// Immutable, thread-safe.
class Authority {
 public:
  // Null when no file is named: nodes get their certificates by hand then.
  static absl::StatusOr<std::unique_ptr<Authority>> Open(
      const std::string& certificate, const std::string& key,
      base::Clock* clock);

  // The certificate (PEM) of the node of a city for the key of the request.
  absl::StatusOr<std::string> Issue(
      const std::string& province, const std::string& city,
      const std::string& request_pem,
      const std::vector<std::string>& hosts) const;
  // Puts a new key and certificate of the same identity and names in the place
  // of the old ones when these are good for fewer than kRenewalDays; whether it
  // did.
  absl::StatusOr<bool> RenewOwn(const transport::TlsFiles& files) const;
  const std::string& certificate() const { return pair_.certificate_pem; }

 private:
  Authority(base::KeyAndCertificate pair, base::Clock* clock)
      : pair_(std::move(pair)), clock_(*clock) {}

  const base::KeyAndCertificate pair_;
  base::Clock& clock_;
};

}  // namespace tongchou::aggregator
