// What the province knows of its cities at this moment: configured keys, the
// sessions' words, when each was last heard of.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/ledger/note.h"
#include "tongchou/v1/common.pb.h"

namespace tongchou::aggregator {

// Freshness: heard of within these.
inline constexpr int64_t kLiveMicros = 10 * base::kMicrosPerSecond;
inline constexpr int64_t kLaggingMicros = 900 * base::kMicrosPerSecond;

struct CityNews {
  int64_t heard_us = 0;  // 0 = never since the start
  uint64_t claimed_committed = 0;
  std::string problem;
  bool quarantined = false;
};

// Thread-safe.
class CityTable {
 public:
  explicit CityTable(std::map<uint32_t, ledger::VerifierKey> keys)
      : keys_(std::move(keys)) {}

  // Every configured city, by code.
  std::vector<uint32_t> cities() const;
  // One that joined; what the configuration says of it counts.
  void Add(uint32_t city, const ledger::VerifierKey& key);
  // PERMISSION_DENIED when the city is not configured.
  absl::StatusOr<ledger::VerifierKey> KeyOf(uint32_t city) const;

  void Heard(uint32_t city, uint64_t claimed_committed, int64_t now_us);
  void Problem(uint32_t city, std::string problem);
  void Quarantined(uint32_t city, std::string reason);
  void Released(uint32_t city);
  CityNews News(uint32_t city) const;

  // `ever_sent`: the journal has entries of it.
  v1::CityState StateOf(uint32_t city, bool ever_sent, int64_t now_us) const;

 private:
  mutable base::Mutex mutex_;
  std::map<uint32_t, ledger::VerifierKey> keys_ ABSL_GUARDED_BY(mutex_);
  std::map<uint32_t, CityNews> news_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tongchou::aggregator
