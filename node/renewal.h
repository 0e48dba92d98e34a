// The node's certificate, renewed by itself before it ends.
#pragma once

#include "absl/status/status.h"
#include "node/node_config.h"

namespace tongchou::node {

// A certificate that is valid for fewer days is renewed.
inline constexpr int kRenewalDays = 30;

// Asks the province for a certificate with a new key and puts both in the place
// of the old ones. FAILED_PRECONDITION when the province issues none;
// UNAVAILABLE when it is not there.
absl::Status RenewCertificate(const NodeConfig& config);

}  // namespace tongchou::node
