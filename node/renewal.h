// The node's certificate, renewed by itself before it ends.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "node/node_config.h"

namespace tongchou::node {

// A certificate that is valid for fewer days is renewed.
inline constexpr int kRenewalDays = 30;

// Days for which the configured certificate is still valid.
absl::StatusOr<int> CertificateDaysLeft(const NodeConfig& config,
                                        int64_t now_us);

// Asks the province for a certificate with a new key and puts both in the place
// of the old ones. FAILED_PRECONDITION when the province issues none;
// UNAVAILABLE when it is not there.
absl::Status RenewCertificate(const NodeConfig& config);

}  // namespace tongchou::node
