// How many calls of one caller are served at a time, so that none takes all
// threads of a server.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"

namespace tongchou::transport {

// Calls of one identity that are served at a time.
inline constexpr int kCallsPerPeerMax = 16;
// Calls of people that are served at a time, from all of them together: half of
// a server's threads; the others are for the streams of nodes.
inline constexpr int kPeopleCallsMax = 32;

// A call's place among those that are served; given back with the last copy.
using CallPlace = std::shared_ptr<const void>;

// Thread-safe. Outlives the places.
class PeerLimits {
 public:
  PeerLimits(int per_peer, int together)
      : per_peer_(per_peer), together_(together) {}

  // RESOURCE_EXHAUSTED names the limit and what to do. Who does not `share` is
  // not counted with the others together.
  absl::StatusOr<CallPlace> Enter(const std::string& peer, bool share);

 private:
  void Leave(const std::string& peer, bool share);

  const int per_peer_;
  const int together_;
  base::Mutex mutex_;
  std::map<std::string, int> peers_ ABSL_GUARDED_BY(mutex_);
  int sharing_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace tongchou::transport
