#include "aggregator/state/row_filter.h"

#include <xxhash.h>

#include "common/base/logging.h"
#include "common/base/status.h"

namespace tongchou::aggregator {
namespace {

uint64_t HashOf(std::string_view row_key) {
  return XXH3_64bits(row_key.data(), kPersonTypeBytes);
}

}  // namespace

RowFilter::RowFilter(const UnifiedState* state)
    : loader_([this, snapshot = state->Snapshot()] { Load(*snapshot); }) {}

RowFilter::~RowFilter() {
  stopping_ = true;
  loader_.join();
}

void RowFilter::Load(const StateSnapshot& snapshot) {
  uint64_t last = 0;
  const absl::Status status =
      snapshot.Scan(std::string_view("R\1", 2), {},
                    [&](std::string_view key, std::string_view) {
                      if (IsOfPackedPerson(key)) {
                        const uint64_t hash = HashOf(key);
                        if (hash != last) stored_.Add(hash);
                        last = hash;
                      }
                      return !stopping_;
                    });
  if (!status.ok()) {
    // Reading goes the long way; whoever reads meets the error and tells it.
    spdlog::error("unified database: {}", base::Describe(status));
    return;
  }
  loaded_ = !stopping_;
}

void RowFilter::Add(std::string_view row_key) {
  if (!IsOfPackedPerson(row_key)) return;
  const uint64_t hash = HashOf(row_key);
  if (added_.MayHave(hash) || (loaded_ && stored_.MayHave(hash))) return;
  added_.Add(hash);
}

void RowFilter::Expect(std::string_view row_key) const {
  if (!IsOfPackedPerson(row_key)) return;
  const uint64_t hash = HashOf(row_key);
  added_.Prefetch(hash);
  if (loaded_) stored_.Prefetch(hash);
}

bool RowFilter::MayHave(std::string_view row_key) const {
  if (!loaded_ || !IsOfPackedPerson(row_key)) return true;
  const uint64_t hash = HashOf(row_key);
  return added_.MayHave(hash) || stored_.MayHave(hash);
}

}  // namespace tongchou::aggregator
