// The keys of a copied log: the pinned one, and those that the log changed to
// afterwards as far as that can be believed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "audit/archive.h"
#include "audit/policy.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/log_keys.h"

namespace tongchou::audit {

struct CopiedKeys {
  ledger::LogKeys keys;
  // Why the next change cannot be believed; empty when there is none such.
  std::string problem;
};

// A change that the old key signed is believed; one that it did not sign only
// where the policy names the new key (later_keys).
absl::StatusOr<CopiedKeys> ReadLogKeys(const Archive& archive,
                                       const LogPolicy& log);

struct CopiedHead {
  ledger::Checkpoint checkpoint;
  std::string note;
};

// The newest head of the log in the copy; PERMISSION_DENIED at one that none
// of the log's keys signed.
absl::StatusOr<std::optional<CopiedHead>> NewestHead(const Archive& archive,
                                                     const LogPolicy& log);

// Replaces what the copy knew of the changes; the copy of a log that never
// changed its key has no such file.
absl::Status WriteKeyChanges(const Archive& archive, uint32_t city,
                             const std::vector<ledger::KeyChange>& changes);
absl::StatusOr<std::vector<ledger::KeyChange>> ReadKeyChanges(
    const Archive& archive, uint32_t city);

}  // namespace tongchou::audit
