// The whole aggregator, put together from its configuration.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "aggregator/aggregator_config.h"

namespace tongchou::aggregator {

class Aggregator {
 public:
  // Returns when it serves; queries are refused until the unified database has
  // reached the journal's end.
  static absl::StatusOr<std::unique_ptr<Aggregator>> Start(
      const AggregatorConfig& config, bool rebuild_state);
  virtual ~Aggregator() = default;
  virtual int port() const = 0;
};

}  // namespace tongchou::aggregator
