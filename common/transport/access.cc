#include "common/transport/access.h"

#include <algorithm>
#include <iterator>

#include "common/base/status.h"
#include "common/transport/peer.h"

namespace tongchou::transport {
namespace {

using base::Role;

constexpr AccessRule kRules[] = {
    {"Admin.AddCity", Role::kAdmin},
    {"Admin.Backup", Role::kAggregator},
    {"Admin.ListAccess", Role::kAdmin},
    {"Admin.ListAccess", Role::kAuditor},
    {"Admin.RekeyCity", Role::kAdmin},
    {"Admin.ReleaseCity", Role::kAdmin},
    {"Admin.RevokeCertificate", Role::kAdmin},
    {"Audit.ListLogs", Role::kAuditor},
    {"Audit.ReadLog", Role::kAuditor},
    {"Audit.ReadRecords", Role::kAuditor},
    {"CityTransfer.Accept", Role::kCityNode},
    {"CityTransfer.Export", Role::kCityNode},
    {"Exchange.ReadBack", Role::kCityNode},
    {"Exchange.RenewCertificate", Role::kCityNode},
    {"Exchange.Replicate", Role::kCityNode},
    {"Mirror.Follow", Role::kMirror},
    {"Node.Backup", Role::kCityNode},
    {"Node.GetHistory", Role::kCityAdmin},
    {"Node.GetHistory", Role::kCityOperator},
    {"Node.GetNodeStatus", Role::kCityAdmin},
    {"Node.GetNodeStatus", Role::kCityOperator},
    {"Node.GetRecord", Role::kCityAdmin},
    {"Node.GetRecord", Role::kCityOperator},
    {"Node.Import", Role::kCityAdmin},
    {"Node.Import", Role::kCityOperator},
    {"Node.Write", Role::kCityAdmin},
    {"Node.Write", Role::kCityOperator},
    {"Node.WriteStream", Role::kCityAdmin},
    {"Node.WriteStream", Role::kCityOperator},
    {"ProvinceTransfer.Import", Role::kAggregator},
    {"Query.GetIndicators", Role::kAdmin},
    {"Query.GetIndicators", Role::kAnalyst},
    {"Query.GetIndicators", Role::kAuditor},
    {"Query.GetIndicators", Role::kOfficer},
    {"Query.GetPerson", Role::kAnalyst, Permit::kMasked},
    {"Query.GetPerson", Role::kAuditor, Permit::kWithPurpose},
    {"Query.GetPerson", Role::kOfficer, Permit::kWithPurpose},
    {"Query.GetRecordHistory", Role::kAnalyst, Permit::kMasked},
    {"Query.GetRecordHistory", Role::kAuditor, Permit::kWithPurpose},
    {"Query.GetRecordHistory", Role::kOfficer, Permit::kWithPurpose},
    {"Query.GetStatus", Role::kAdmin},
    {"Query.GetStatus", Role::kAnalyst},
    {"Query.GetStatus", Role::kAuditor},
    {"Query.GetStatus", Role::kOfficer},
    {"Query.ListRecords", Role::kAnalyst, Permit::kMasked},
    {"Query.ListRecords", Role::kAuditor, Permit::kWithPurpose},
    {"Query.ListRecords", Role::kOfficer, Permit::kWithPurpose},
};

// "analyst, auditor, officer"
std::string RolesOf(std::string_view call) {
  std::string roles;
  for (const AccessRule& rule : kRules) {
    if (rule.call != call) continue;
    if (!roles.empty()) roles += ", ";
    roles += base::RoleName(rule.role);
  }
  return roles.empty() ? "nobody" : roles;
}

}  // namespace

std::span<const AccessRule> AccessRules() { return kRules; }

absl::StatusOr<Caller> AdmitCaller(const grpc::ServerContextBase& context,
                                   std::string_view call) {
  Caller caller;
  ASSIGN_OR_RETURN(caller.identity, PeerIdentity(context));
  ASSIGN_OR_RETURN(caller.uri, base::FormatIdentity(caller.identity));
  const auto* rule = std::find_if(
      std::begin(kRules), std::end(kRules), [&](const AccessRule& one) {
        return one.call == call && one.role == caller.identity.role;
      });
  if (rule == std::end(kRules)) {
    return base::PermissionDeniedError(
        "{} is for {}, not for {} of {}", call, RolesOf(call),
        base::RoleName(caller.identity.role), caller.identity.division);
  }
  caller.permit = rule->permit;
  return caller;
}

}  // namespace tongchou::transport
