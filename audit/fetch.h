// Copies logs and claims from the province, resumable.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "audit/archive.h"
#include "audit/policy.h"

namespace tongchou::audit {

struct FetchProgress {
  uint32_t city = 0;
  uint64_t entries = 0;  // of this city's log, in the copy
  uint64_t size = 0;     // entries that the province says it holds
};

struct FetchOptions {
  bool with_claims = true;  // also the province's records and figures
  uint32_t city = 0;        // only this log; 0 = all
  std::function<void(const FetchProgress&)> progress;  // may be empty
};

// What the copy has stays; only what is missing is asked for. Claims are taken
// first, so that the logs reach at least as far as the claims rest on.
// UNAVAILABLE when the province is not there; run it again, it continues.
absl::Status Fetch(const std::shared_ptr<grpc::Channel>& channel,
                   const Policy& policy, const Archive& archive,
                   const FetchOptions& options);

}  // namespace tongchou::audit
