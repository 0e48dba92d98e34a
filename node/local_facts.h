// Names of the small facts that a node keeps beside its log's entries.
#pragma once

namespace tongchou::node {

// Pseudonyms of actors come from it.
inline constexpr char kActorSecretFact[] = "actor-secret";
// Starts of the node so far (u64).
inline constexpr char kIncarnationFact[] = "incarnation";
// The greatest number of an import receipt that was given (u64).
inline constexpr char kReceiptsFact[] = "receipts";
// The import that is under way.
inline constexpr char kImportFact[] = "import";

}  // namespace tongchou::node
