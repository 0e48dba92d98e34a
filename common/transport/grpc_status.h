// Our errors as they travel over gRPC. The codes are the same on both sides;
// payloads do not travel.
#pragma once

#include <grpcpp/support/status.h>

#include <cstddef>

#include "absl/status/status.h"

namespace tongchou::transport {

// A message travels in a header of limited size: what is longer is cut, at a
// character's boundary.
inline constexpr size_t kStatusMessageBytesMax = 2000;

grpc::Status ToGrpc(const absl::Status& status);

// A code that is none of gRPC's becomes UNKNOWN.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace tongchou::transport
