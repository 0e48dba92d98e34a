// Units that are or were recognised as in difficulty, as the unified database
// has them: few among all, and asked for with every enrolment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "aggregator/indicators/evaluate.h"
#include "aggregator/state/unified_state.h"

namespace tongchou::aggregator {

// Not thread-safe.
class DifficultUnits {
 public:
  absl::Status Load(const StateSnapshot& snapshot);

  std::optional<UnitFacts> Find(uint32_t city, std::string_view code) const;
  void Set(uint32_t city, std::string_view code,
           const std::optional<UnitFacts>& facts);

 private:
  absl::flat_hash_map<uint32_t, absl::flat_hash_map<std::string, UnitFacts>>
      cities_;
};

}  // namespace tongchou::aggregator
