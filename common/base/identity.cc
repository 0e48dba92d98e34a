#include "common/base/identity.h"

#include <algorithm>
#include <array>
#include <vector>

#include "common/base/status.h"

namespace tongchou::base {
namespace {

constexpr std::string_view kPrefix = "spiffe://tongchou/";
constexpr std::string_view kShape =
    "expected spiffe://tongchou/PROVINCE/city/CITY/(node|operator/NAME|"
    "admin/NAME), .../province/(aggregator|officer/NAME|analyst/NAME|"
    "admin/NAME) or .../audit/(auditor/NAME|witness|mirror)";

struct RoleRow {
  Role role;
  std::string_view scope;
  std::string_view word;
  std::string_view title;
  bool named;
};

constexpr std::array<RoleRow, 10> kRoles = {{
    {Role::kCityNode, "city", "node", "city node", false},
    {Role::kCityOperator, "city", "operator", "city operator", true},
    {Role::kCityAdmin, "city", "admin", "city administrator", true},
    {Role::kAggregator, "province", "aggregator", "aggregator", false},
    {Role::kOfficer, "province", "officer", "officer", true},
    {Role::kAnalyst, "province", "analyst", "analyst", true},
    {Role::kAdmin, "province", "admin", "administrator", true},
    {Role::kAuditor, "audit", "auditor", "auditor", true},
    {Role::kWitness, "audit", "witness", "witness", false},
    {Role::kMirror, "audit", "mirror", "mirror", false},
}};

const RoleRow& RowOf(Role role) {
  const auto row =
      std::find_if(kRoles.begin(), kRoles.end(),
                   [&](const RoleRow& r) { return r.role == role; });
  TONGCHOU_CHECK(row != kRoles.end());
  return *row;
}

std::vector<std::string_view> Split(std::string_view path) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

bool IsDivision(std::string_view code) {
  return code.size() == 6 && std::all_of(code.begin(), code.end(), [](char c) {
           return c >= '0' && c <= '9';
         });
}

bool IsProvince(std::string_view code) {
  return IsDivision(code) && code.substr(2) == "0000" && code[0] != '0';
}

bool IsCityOf(std::string_view province, std::string_view code) {
  return IsDivision(code) && code.substr(0, 2) == province.substr(0, 2) &&
         code.substr(4) == "00";
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kIdentityNameBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

// URIs come from certificates of strangers and go into messages and logs.
std::string Printable(std::string_view text) {
  std::string out(text.substr(0, kIdentityUriBytesMax));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

absl::Status Refuse(std::string_view uri, std::string_view why) {
  return InvalidArgumentError("'{}' is not an identity: {}", Printable(uri),
                              why);
}

absl::StatusOr<Identity> ParseRole(std::string_view uri, Identity identity,
                                   std::string_view scope,
                                   const std::vector<std::string_view>& rest) {
  for (const RoleRow& row : kRoles) {
    if (rest.empty() || row.scope != scope || row.word != rest[0]) continue;
    if (rest.size() != (row.named ? 2u : 1u)) {
      return Refuse(uri, row.named ? "one name must follow the role"
                                   : "nothing may follow the role");
    }
    identity.role = row.role;
    if (row.named) identity.name = rest[1];
    if (row.named && !IsName(identity.name)) {
      return Refuse(uri,
                    "the name must have 1 to 64 characters of a-z 0-9 - _ .");
    }
    return identity;
  }
  return Refuse(uri, kShape);
}

}  // namespace

absl::StatusOr<Identity> ParseIdentity(std::string_view uri) {
  if (uri.size() > kIdentityUriBytesMax) {
    return Refuse(uri, "it has more than 255 bytes");
  }
  if (uri.substr(0, kPrefix.size()) != kPrefix) return Refuse(uri, kShape);
  std::vector<std::string_view> parts = Split(uri.substr(kPrefix.size()));
  Identity identity;
  identity.province = parts[0];
  identity.division = parts[0];
  if (!IsProvince(identity.province)) {
    return Refuse(uri, "the province must be six digits ending in 0000");
  }
  const std::string_view scope = parts.size() > 1 ? parts[1] : "";
  size_t taken = 2;
  if (scope == "city" && parts.size() > 2) {
    identity.division = parts[2];
    if (!IsCityOf(identity.province, identity.division)) {
      return Refuse(uri,
                    "the city must be a six-digit code of the province that "
                    "ends in 00");
    }
    taken = 3;
  }
  parts.erase(parts.begin(),
              parts.begin() +
                  static_cast<std::ptrdiff_t>(std::min(taken, parts.size())));
  return ParseRole(uri, std::move(identity), scope, parts);
}

absl::StatusOr<std::string> FormatIdentity(const Identity& identity) {
  const RoleRow& row = RowOf(identity.role);
  std::string uri(kPrefix);
  uri += fmt::format("{}/{}/", identity.province, row.scope);
  if (row.scope == "city") uri += identity.division + "/";
  uri += row.word;
  if (row.named) uri += "/" + identity.name;
  ASSIGN_OR_RETURN(const Identity parsed, ParseIdentity(uri));
  if (parsed != identity) {
    return Refuse(uri, "its division or name does not fit its role");
  }
  return uri;
}

std::string_view RoleName(Role role) { return RowOf(role).title; }

bool IsServerRole(Role role) {
  return role == Role::kCityNode || role == Role::kAggregator ||
         role == Role::kWitness;
}

absl::Status CheckPeer(const ExpectedPeer& expected, const Identity& actual) {
  const bool right_division =
      !expected.division || *expected.division == actual.division;
  if (expected.role == actual.role && right_division) return absl::OkStatus();
  return PermissionDeniedError(
      "the peer is the {} of {}, but the {} of {} was expected; check the "
      "address and the peer's certificate",
      RoleName(actual.role), actual.division, RoleName(expected.role),
      expected.division.value_or("any division"));
}

}  // namespace tongchou::base
