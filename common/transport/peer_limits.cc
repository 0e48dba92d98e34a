#include "common/transport/peer_limits.h"

#include "common/base/status.h"

namespace tongchou::transport {

absl::StatusOr<CallPlace> PeerLimits::Enter(const std::string& peer,
                                            bool share) {
  base::MutexLock lock(mutex_);
  const auto found = peers_.find(peer);
  if (found != peers_.end() && found->second >= per_peer_) {
    return base::ResourceExhaustedError(
        "{} calls of {} are served at a time: wait for some to end", per_peer_,
        peer);
  }
  if (share && sharing_ >= together_) {
    return base::ResourceExhaustedError(
        "{} calls are served at a time, from everybody together: try again "
        "when some have ended",
        together_);
  }
  ++peers_[peer];
  if (share) ++sharing_;
  return CallPlace(this,
                   [this, peer, share](const void*) { Leave(peer, share); });
}

void PeerLimits::Leave(const std::string& peer, bool share) {
  base::MutexLock lock(mutex_);
  const auto found = peers_.find(peer);
  if (--found->second == 0) peers_.erase(found);
  if (share) --sharing_;
}

}  // namespace tongchou::transport
