// The province's own log on its way to one city: behind what the city knows,
// up to the newest signed head, bodies only where they are for that city.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "aggregator/service/own_head.h"
#include "common/ledger/bundle.h"
#include "common/ledger/log_store.h"
#include "tongchou/v1/exchange.pb.h"

namespace tongchou::aggregator {

// Bundle bytes of one piece, unless one bundle alone is larger.
inline constexpr size_t kFeedBytesTarget = 256 << 10;

// Thread-confined, but for Begin, which comes first.
class OwnLogFeed {
 public:
  OwnLogFeed(const ledger::LogStore* log, OwnHead* head, uint32_t city)
      : log_(*log), head_(*head), city_(city) {}

  // What the city's greeting says of this log. A head that this log does not
  // have stops all signing (OwnHead::Met), and nothing is fed.
  void Begin(const v1::Hello& hello);

  // The next piece; nothing while the city has the newest head.
  absl::StatusOr<std::optional<v1::ProvinceLog>> Next();

 private:
  const ledger::LogStore& log_;
  OwnHead& head_;
  const uint32_t city_;
  bool feeds_ = false;
  uint64_t sent_ = 0;
  ledger::BundleWriter writer_;
};

}  // namespace tongchou::aggregator
