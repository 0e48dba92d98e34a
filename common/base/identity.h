// Who a peer is, as its certificate says it in one SPIFFE URI:
//
//   spiffe://tongchou/360000/city/360100/node
//   spiffe://tongchou/360000/city/360100/operator/NAME
//   spiffe://tongchou/360000/city/360100/admin/NAME
//   spiffe://tongchou/360000/province/aggregator
//   spiffe://tongchou/360000/province/officer/NAME    (also analyst, admin)
//   spiffe://tongchou/360000/audit/auditor/NAME
//   spiffe://tongchou/360000/audit/witness
//   spiffe://tongchou/360000/audit/mirror
//
// The first code is the province, the second a city of it; the province's own
// level (360000) counts as a city. Nothing else is an identity.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tongchou::base {

enum class Role {
  kCityNode,
  kCityOperator,
  kCityAdmin,
  kAggregator,
  kOfficer,
  kAnalyst,
  kAdmin,
  kAuditor,
  kWitness,
  kMirror,
};

inline constexpr size_t kIdentityUriBytesMax = 255;
inline constexpr size_t kIdentityNameBytesMax = 64;

struct Identity {
  Role role = Role::kCityNode;
  std::string province;  // six digits, e.g. 360000
  std::string division;  // the city of a city role, else the province
  std::string name;      // of a person; empty for programs

  bool operator==(const Identity&) const = default;
};

// INVALID_ARGUMENT says which part of the URI is wrong. A name has 1 to 64
// characters out of a-z 0-9 - _ and a dot.
absl::StatusOr<Identity> ParseIdentity(std::string_view uri);

// The URI. INVALID_ARGUMENT where ParseIdentity would refuse the outcome.
absl::StatusOr<std::string> FormatIdentity(const Identity& identity);

// "city node", "aggregator", "analyst"…, for messages.
std::string_view RoleName(Role role);

// Nodes, aggregators and witnesses: roles that others connect to.
bool IsServerRole(Role role);

// Whom one end of a connection expects at the other.
struct ExpectedPeer {
  Role role = Role::kAggregator;
  // Absent: of any division.
  std::optional<std::string> division;
};

// PERMISSION_DENIED names both the expected and the actual peer.
absl::Status CheckPeer(const ExpectedPeer& expected, const Identity& actual);

}  // namespace tongchou::base
