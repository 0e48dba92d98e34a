#include "aggregator/service/own_log_feed.h"

#include <utility>

#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/exchange/follower.h"

namespace tongchou::aggregator {

void OwnLogFeed::Begin(const v1::Hello& hello) {
  if (!hello.follows_province()) return;
  feeds_ = true;
  if (hello.province_checkpoint().empty()) return;
  const auto known = head_.Met(hello.province_checkpoint());
  feeds_ = known.ok();
  if (feeds_) {
    sent_ = *known;
  } else {
    spdlog::error("exchange: city={:06} does not follow the province's log: {}",
                  city_, base::Describe(known.status()));
  }
}

absl::StatusOr<std::optional<v1::ProvinceLog>> OwnLogFeed::Next() {
  if (!feeds_ || head_.signed_size() <= sent_) return std::nullopt;
  const SignedHead head = head_.newest();
  v1::ProvinceLog piece;
  size_t bytes = 0;
  absl::Status status;
  RETURN_IF_ERROR(log_.ReadBundles(sent_, [&](ledger::StoredBundle&& stored) {
    const auto range = ledger::PeekBundle(stored.bytes);
    if (!range.ok()) {
      status = range.status();
      return false;
    }
    if (range->end() > head.size) return false;
    auto addressed = exchange::BundleFor(city_, stored.bytes, &writer_);
    if (!addressed.ok()) {
      status = addressed.status();
      return false;
    }
    bytes += addressed->size();
    piece.add_bundles(*std::move(addressed));
    sent_ = range->end();
    return bytes < kFeedBytesTarget && sent_ < head.size;
  }));
  RETURN_IF_ERROR(status);
  if (sent_ == head.size) piece.set_checkpoint(head.note);
  return piece;
}

}  // namespace tongchou::aggregator
