// The small facts that a node keeps beside its log's entries.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/ledger/log_store.h"

namespace tongchou::node {

// Pseudonyms of actors come from it.
inline constexpr char kActorSecretFact[] = "actor-secret";
// Starts of the node so far; a number.
inline constexpr char kIncarnationFact[] = "incarnation";
// There once the province has said what it holds of this city.
inline constexpr char kWelcomedFact[] = "welcomed";
// Entries that the province acknowledged last, as far as known; a number.
inline constexpr char kAcknowledgedFact[] = "acknowledged";
// The greatest that an import receipt was given; a number.
inline constexpr char kReceiptsFact[] = "receipts";
// The import that is under way.
inline constexpr char kImportFact[] = "import";

// What is known of the province's own log (exchange::FollowedHead).
inline constexpr char kProvinceHeadFact[] = "province-head";
// How it contradicted itself: a line of words, then two signed notes.
inline constexpr char kProvinceEvidenceFact[] = "province-evidence";
// SHA-256 of the certificates that the province revoked, one behind the other.
inline constexpr char kRevokedFact[] = "revoked";

// A number as a fact (u64).
std::string NumberFact(uint64_t number);
// 0 when the log does not have it.
absl::StatusOr<uint64_t> ReadNumberFact(const ledger::LogStore& log,
                                        std::string_view name);

}  // namespace tongchou::node
