#include "aggregator/service/province_alarms.h"

#include <algorithm>
#include <cstdlib>

#include "common/base/status.h"

namespace tongchou::aggregator {

using alarms::Sight;
using base::kMicrosPerSecond;

std::vector<Sight> ProvinceAlarms::Look(const ProvinceFacts& facts,
                                        int64_t now_us) {
  std::vector<Sight> seen;
  machine_.Look(facts.machine, now_us, &seen);
  alarms::LookAtWrites(facts.journal.last, &seen);
  LookAtApply(facts, now_us, &seen);
  if (!facts.log_problem.empty()) {
    seen.push_back({&alarms::kLogNotSigned, 0, facts.log_problem});
  }
  // Whom nobody can hear is not silent.
  if (facts.log_held) listening_since_us_ = facts.time_us;
  const bool stalled = LookAtJournal(facts, now_us, &seen);
  for (const auto& [city, one] : facts.cities) {
    const int64_t heard = std::max(one.news.heard_us, listening_since_us_);
    LookAtCity(city, one, facts.time_us - heard, now_us, &seen);
    // Then it is not the city that takes nothing.
    if (stalled) cities_[city] = {};
  }
  return seen;
}

void ProvinceAlarms::LookAtApply(const ProvinceFacts& facts, int64_t now_us,
                                 std::vector<Sight>* seen) {
  const uint64_t waiting =
      facts.journal_ordinal -
      std::min(facts.journal_ordinal, facts.applied.ordinal);
  const int64_t stalled = apply_.Look(
      waiting > 0, facts.applied.ordinal + facts.apply_steps, now_us);
  if (!facts.apply_status.ok()) {
    seen->push_back({&alarms::kApplyStalled, 0,
                     "stopped: " + base::Describe(facts.apply_status)});
  } else if (stalled >= alarms::kStalledMicros) {
    seen->push_back({&alarms::kApplyStalled, 0,
                     fmt::format("{} of {} groups applied, nothing for {} s",
                                 facts.applied.ordinal, facts.journal_ordinal,
                                 stalled / kMicrosPerSecond)});
  }
  const int minutes = unapplied_.Look(waiting, now_us);
  if (minutes >= alarms::kGrowingMinutes) {
    seen->push_back({&alarms::kBacklogGrows, 0,
                     fmt::format("{} groups wait to be applied, more each of "
                                 "{} minutes",
                                 waiting, minutes)});
  }
}

// Whether it stands still.
bool ProvinceAlarms::LookAtJournal(const ProvinceFacts& facts, int64_t now_us,
                                   std::vector<Sight>* seen) {
  const int64_t stalled =
      journal_.Look(facts.journal.waiting > 0, facts.journal.done, now_us);
  if (stalled < alarms::kStalledMicros) return stalled > 0;
  seen->push_back(
      {&alarms::kJournalStalled, 0,
       fmt::format("{} parts wait, none written for {} s",
                   facts.journal.waiting, stalled / kMicrosPerSecond)});
  return true;
}

void ProvinceAlarms::LookAtCity(uint32_t city, const CityFacts& facts,
                                int64_t silent_us, int64_t now_us,
                                std::vector<Sight>* seen) {
  if (facts.news.quarantined) {
    seen->push_back({&alarms::kCityQuarantined, city, facts.news.problem});
    return;
  }
  if (facts.durable > 0 && silent_us >= alarms::kCitySilentMicros) {
    std::string text =
        fmt::format("last heard of {} s ago", silent_us / kMicrosPerSecond);
    if (!facts.news.problem.empty()) text += ": " + facts.news.problem;
    seen->push_back({&alarms::kCitySilent, city, std::move(text)});
  }
  const bool here = silent_us < kLiveMicros;
  const int64_t stalled =
      cities_[city].Look(here && facts.news.claimed_committed > facts.durable,
                         facts.durable, now_us);
  if (stalled >= alarms::kStalledMicros) {
    seen->push_back({&alarms::kCityStalled, city,
                     fmt::format("{} of {} entries durable, no more for {} s",
                                 facts.durable, facts.news.claimed_committed,
                                 stalled / kMicrosPerSecond)});
  }
  const int64_t offset = facts.news.clock_offset_us;
  if (here && std::abs(offset) > alarms::kClockOffMicros) {
    seen->push_back({&alarms::kCityClockOff, city,
                     fmt::format("its clock is {} s {}",
                                 std::abs(offset) / kMicrosPerSecond,
                                 offset > 0 ? "ahead" : "behind")});
  }
}

}  // namespace tongchou::aggregator
