// What a verification leaves beside the copy, DIR/verified/360100, so that a
// later one can go on behind it. The file is the auditor's own word for the
// part that it covers: that part is not read again. It lies where the copy
// lies, and whoever can write there can write it.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "audit/archive.h"
#include "audit/last_changes.h"
#include "audit/log_check.h"
#include "audit/policy.h"
#include "common/base/sha256.h"
#include "tongchou/v1/verified_log.pb.h"

namespace tongchou::audit {

// So many bytes before the place where reading ended tell whether it is still
// the same file.
inline constexpr uint64_t kReadTailBytes = 64;

// What a proved part depends on besides the copy: the format of these files,
// the policy, and whether bodies may be missing.
base::Hash VerifiedTerms(const Policy& policy, Bodies bodies);

// Writes the file anew, durably and as a whole.
absl::Status SaveVerified(const Archive& archive, uint32_t city,
                          v1::VerifiedLog facts, const LastChanges& changes);

// nullopt when nothing was left. FAILED_PRECONDITION when it is damaged, was
// made under other terms or about other files than those of the copy.
absl::StatusOr<std::optional<VerifiedPart>> LoadVerified(
    const Archive& archive, uint32_t city, const base::Hash& terms);

// Removes the file: something was found.
absl::Status ForgetVerified(const Archive& archive, uint32_t city);

}  // namespace tongchou::audit
