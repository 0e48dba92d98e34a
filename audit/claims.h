// What the province says: its answers, as fetch saved them or as a JSON answer
// that somebody kept. Nothing in here is believed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "audit/archive.h"
#include "audit/figures.h"
#include "common/base/sha256.h"
#include "tongchou/v1/audit.pb.h"
#include "tongchou/v1/common.pb.h"

namespace tongchou::audit {

struct ClaimedCity {
  uint64_t size = 0;
  base::Hash root;
  int64_t commit_time_us = 0;  // 0 = not stated
};
using ClaimedBasis = std::map<uint32_t, ClaimedCity>;

struct ClaimedFigures {
  uint32_t as_of = 0;
  uint32_t on = 0;
  ClaimedBasis basis;
  FigureTable figures;
};

absl::StatusOr<ClaimedBasis> ReadBasis(const v1::AnswerBasis& basis);

absl::StatusOr<ClaimedFigures> ReadClaimedFigures(const Archive& archive);

// Records in the order in which they were saved.
absl::StatusOr<ClaimedBasis> ReadClaimedRecords(
    const Archive& archive,
    const std::function<void(const v1::StoredRecord&)>& visit);

// A saved answer in JSON, as `tongchou indicators --format json` and
// quickstart write it. INVALID_ARGUMENT says what is missing.
absl::StatusOr<ClaimedFigures> ReadJsonAnswer(const std::string& path);

}  // namespace tongchou::audit
