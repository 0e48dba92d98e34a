// Figures as GetIndicators answers them.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "aggregator/state/unified_state.h"
#include "tongchou/v1/query.pb.h"

namespace tongchou::aggregator {

// Figures of one message.
inline constexpr int kFiguresPerMessage = 2'000;

struct IndicatorAnswer {
  v1::GetIndicatorsResponse first;  // without its basis
  std::vector<v1::GetIndicatorsResponse> parts;
};

// INVALID_ARGUMENT for an unknown id, city, county or day.
absl::StatusOr<IndicatorAnswer> AnswerIndicators(
    const StateSnapshot& snapshot, const Position& position,
    const std::vector<uint32_t>& configured_cities,
    const v1::GetIndicatorsRequest& request);

}  // namespace tongchou::aggregator
