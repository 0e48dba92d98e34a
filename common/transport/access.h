// Who may call what: one table for every RPC of every program, and the one
// place where it is asked. What is not in the table is refused.
#pragma once

#include <grpcpp/server_context.h>

#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/identity.h"
#include "common/transport/peer_limits.h"

namespace tongchou::transport {

enum class Permit {
  kYes,
  kWithPurpose,  // when the request names a purpose and a document
  kMasked,       // personal fields are masked in the answer
};

struct AccessRule {
  std::string_view call;  // Query.GetPerson
  base::Role role;
  Permit permit = Permit::kYes;
};

// The whole table.
std::span<const AccessRule> AccessRules();

struct Caller {
  base::Identity identity;
  std::string uri;  // the identity as the certificate says it
  Permit permit = Permit::kYes;
  CallPlace place;  // where calls are bounded: kept as long as the call
};

// PERMISSION_DENIED says who the caller is and that this call is not for him;
// also without a certificate that names one identity.
absl::StatusOr<Caller> AdmitCaller(const grpc::ServerContextBase& context,
                                   std::string_view call);

}  // namespace tongchou::transport
