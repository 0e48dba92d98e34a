// Carries the node's log to the province: a thread that connects, streams and
// connects again, over the state machine of common/exchange.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/exchange/uplink.h"
#include "common/ledger/head_signer.h"
#include "common/ledger/log_store.h"
#include "node/node_config.h"
#include "node/province_view.h"
#include "tongchou/v1/transfer.pb.h"

namespace tongchou::node {

struct UplinkStatus {
  exchange::UplinkPositions positions;
  std::string state;  // "connected", "connecting", or why not
  // The province's clock less the node's, as of its last word; microseconds.
  int64_t clock_offset_us = 0;
};

// Thread-safe.
class UplinkClient {
 public:
  static absl::StatusOr<std::unique_ptr<UplinkClient>> Start(
      const NodeConfig& config, ledger::LogStore* log,
      ledger::HeadSigner* signer, ProvinceView* province, base::Clock* clock);
  virtual ~UplinkClient() = default;

  // The log has grown to `size`.
  virtual void Committed(uint64_t size) = 0;
  virtual UplinkStatus status() const = 0;
  // Why nothing may be committed: the province refuses this log (an old copy,
  // a clone, a fork) or the clock is wrong. Empty = it may, also while the
  // province is not there.
  virtual std::string commit_problem() const = 0;
  // Whether the province has ever said what it holds of this city, also to an
  // earlier start; before that an empty log may be a lost one.
  virtual bool ever_welcomed() const = 0;

  // Without the line. The messages of the exchange from a size on, by default
  // the one that was acknowledged last: Hello, then batches up to the log's end
  // as of now. Only Hello while nothing may be signed. `take` says false to end
  // it. OUT_OF_RANGE when no bundle begins there.
  using TakeMessage = std::function<bool(const v1::NodeMessage& message)>;
  virtual absl::Status Export(std::optional<uint64_t> from,
                              const TakeMessage& take) = 0;
  // What the province answered, with the proof that a live one carries: durable
  // moves, and what waits for a Welcome may go on. The size; errors as those of
  // CityTransfer.Accept.
  virtual absl::StatusOr<uint64_t> Accept(
      const v1::Acknowledgement& acknowledgement) = 0;
};

}  // namespace tongchou::node
