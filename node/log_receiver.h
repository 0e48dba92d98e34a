// Takes a city's log back from the province and believes nothing of it: every
// entry is hashed into the tree, and only what a head covers that this city
// signed itself is written.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/entry_view.h"
#include "common/ledger/log_keys.h"
#include "common/ledger/log_store.h"
#include "tongchou/v1/exchange.pb.h"

namespace tongchou::node {

// Thread-confined.
class LogReceiver {
 public:
  // Goes on behind what `log` has.
  LogReceiver(ledger::LogStore* log, ledger::LogKeys city_keys)
      : log_(*log),
        city_keys_(std::move(city_keys)),
        range_(log->Head().range),
        covered_(range_.size()) {}

  // DATA_LOSS names the entry: a bundle that is none, a gap, a body that is
  // missing, a root that the city did not sign. INVALID_ARGUMENT: a checkpoint
  // without the city's signature.
  absl::Status Take(const v1::ReadBackResponse& piece);
  // DATA_LOSS unless `size` entries came and the last head covers them.
  absl::Status Finish(uint64_t size);

  uint64_t received() const { return range_.size(); }
  // The greatest number of a receipt that an entry belongs to.
  uint64_t last_receipt() const { return last_receipt_; }

 private:
  absl::Status TakeHead(const std::string& note);
  absl::Status TakeBundle(const std::string& bytes);
  absl::Status TakeEntry(size_t i);
  absl::Status CheckRoot();
  absl::Status WriteCovered();

  ledger::LogStore& log_;
  const ledger::LogKeys city_keys_;
  ledger::CompactRange range_;
  uint64_t covered_;  // entries below the last head that agreed
  std::map<uint64_t, std::pair<ledger::Hash, std::string>> heads_;  // ahead
  std::map<uint64_t, std::string> agreed_;  // notes, not yet written
  ledger::GroupCommit pending_;
  ledger::Bundle bundle_;
  ledger::HeaderView header_;
  ledger::BodyView body_;
  uint64_t last_receipt_ = 0;
};

}  // namespace tongchou::node
