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
#include "common/ledger/log_keys.h"
#include "tongchou/v1/common.pb.h"

namespace tongchou::aggregator {

// Freshness: heard of within these.
inline constexpr int64_t kLiveMicros = 10 * base::kMicrosPerSecond;
inline constexpr int64_t kLaggingMicros = 900 * base::kMicrosPerSecond;

struct CityNews {
  // When the city last said something new that it signed; state, silence and
  // metrics rest on that. 0 = never since the start.
  int64_t heard_us = 0;
  // When anything came over a stream with the city's certificate; 0 likewise.
  int64_t connected_us = 0;
  uint64_t claimed_committed = 0;
  int64_t clock_offset_us = 0;  // the city's clock less this one
  std::string problem;
  bool quarantined = false;
};

struct CityKeys {
  ledger::LogKeys log;  // of what is held
  // That the province let take the place of lost ones, oldest first. The last
  // one counts from its act on, also while no entry says so yet.
  std::vector<ledger::VerifierKey> replacements;
};

// Thread-safe.
class CityTable {
 public:
  explicit CityTable(const std::map<uint32_t, ledger::VerifierKey>& keys) {
    for (const auto& [city, key] : keys) Add(city, key);
  }

  // Every configured city, by code.
  std::vector<uint32_t> cities() const;
  // One that joined; what the configuration says of it counts.
  void Add(uint32_t city, const ledger::VerifierKey& key);
  // Entries that are held now changed the key; what does not continue the keys
  // is known already.
  void Changed(uint32_t city, const std::vector<ledger::KeyChange>& changes);
  // The province let this key take the lost one's place.
  void Replace(uint32_t city, const ledger::VerifierKey& key);
  // PERMISSION_DENIED when the city is not configured.
  absl::StatusOr<CityKeys> KeysOf(uint32_t city) const;

  // Something new and signed came: what was wrong is over.
  void Heard(uint32_t city, int64_t now_us);
  // Anything came over the city's stream; nothing need vouch for what it says.
  void Connected(uint32_t city, uint64_t claimed_committed, int64_t now_us);
  void Clock(uint32_t city, int64_t offset_us);
  void Problem(uint32_t city, std::string problem);
  void Quarantined(uint32_t city, std::string reason);
  void Released(uint32_t city);
  CityNews News(uint32_t city) const;

  // `ever_sent`: the journal has entries of it.
  v1::CityState StateOf(uint32_t city, bool ever_sent, int64_t now_us) const;

 private:
  mutable base::Mutex mutex_;
  std::map<uint32_t, CityKeys> keys_ ABSL_GUARDED_BY(mutex_);
  std::map<uint32_t, CityNews> news_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tongchou::aggregator
