#include "aggregator/service/city_table.h"

#include <algorithm>

#include "common/base/logging.h"
#include "common/base/status.h"

namespace tongchou::aggregator {

std::vector<uint32_t> CityTable::cities() const {
  std::vector<uint32_t> cities;
  base::MutexLock lock(mutex_);
  for (const auto& [city, key] : keys_) cities.push_back(city);
  return cities;
}

absl::StatusOr<CityKeys> CityTable::KeysOf(uint32_t city) const {
  base::MutexLock lock(mutex_);
  const auto found = keys_.find(city);
  if (found == keys_.end()) {
    return base::PermissionDeniedError(
        "city {:06} is not configured; add its key under [cities]", city);
  }
  return found->second;
}

void CityTable::Add(uint32_t city, const ledger::VerifierKey& key) {
  base::MutexLock lock(mutex_);
  keys_.emplace(city, CityKeys{key, {}});
}

void CityTable::Changed(uint32_t city,
                        const std::vector<ledger::KeyChange>& changes) {
  base::MutexLock lock(mutex_);
  const auto found = keys_.find(city);
  if (found == keys_.end()) return;
  CityKeys& keys = found->second;
  for (const ledger::KeyChange& change : changes) {
    const auto& known = keys.log.changes();
    if (!known.empty() && known.back().sequence >= change.sequence) continue;
    const absl::Status added = keys.log.Add(change, keys.replacements);
    if (!added.ok()) {
      spdlog::error("city={:06}: {}", city, base::Describe(added));
    }
  }
}

void CityTable::Replace(uint32_t city, const ledger::VerifierKey& key) {
  base::MutexLock lock(mutex_);
  const auto found = keys_.find(city);
  if (found == keys_.end()) return;
  std::vector<ledger::VerifierKey>& known = found->second.replacements;
  if (std::find(known.begin(), known.end(), key) == known.end()) {
    known.push_back(key);
  }
}

void CityTable::Heard(uint32_t city, int64_t now_us) {
  base::MutexLock lock(mutex_);
  CityNews& news = news_[city];
  news.heard_us = now_us;
  if (!news.quarantined) news.problem.clear();
}

void CityTable::Connected(uint32_t city, uint64_t claimed_committed,
                          int64_t now_us) {
  base::MutexLock lock(mutex_);
  CityNews& news = news_[city];
  news.connected_us = now_us;
  news.claimed_committed = claimed_committed;
}

void CityTable::Clock(uint32_t city, int64_t offset_us) {
  base::MutexLock lock(mutex_);
  news_[city].clock_offset_us = offset_us;
}

void CityTable::Problem(uint32_t city, std::string problem) {
  base::MutexLock lock(mutex_);
  if (!news_[city].quarantined) news_[city].problem = std::move(problem);
}

void CityTable::Quarantined(uint32_t city, std::string reason) {
  base::MutexLock lock(mutex_);
  news_[city].quarantined = true;
  news_[city].problem = std::move(reason);
}

void CityTable::Released(uint32_t city) {
  base::MutexLock lock(mutex_);
  news_[city].quarantined = false;
  news_[city].problem.clear();
}

CityNews CityTable::News(uint32_t city) const {
  base::MutexLock lock(mutex_);
  const auto found = news_.find(city);
  return found == news_.end() ? CityNews() : found->second;
}

v1::CityState CityTable::StateOf(uint32_t city, bool ever_sent,
                                 int64_t now_us) const {
  const CityNews news = News(city);
  if (news.quarantined) return v1::CITY_STATE_QUARANTINED;
  if (news.heard_us == 0) {
    return ever_sent ? v1::CITY_STATE_STALE : v1::CITY_STATE_NEVER_SEEN;
  }
  const int64_t age = now_us - news.heard_us;
  if (age <= kLiveMicros) return v1::CITY_STATE_LIVE;
  return age <= kLaggingMicros ? v1::CITY_STATE_LAGGING : v1::CITY_STATE_STALE;
}

}  // namespace tongchou::aggregator
