#include "common/alarms/alarm_board.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace tongchou::alarms {

AlarmBoard::AlarmBoard(base::Clock* clock)
    : clock_(*clock), looked_us_(clock->NowMicros()) {}

void AlarmBoard::Look(std::vector<Sight> seen) {
  base::MutexLock lock(mutex_);
  seen_ = std::move(seen);
  looked_us_ = clock_.NowMicros();
}

void AlarmBoard::See(const Sight& sight, int64_t now_us) {
  const auto [found, added] =
      entries_.try_emplace(Name(sight.kind, sight.city));
  Entry& entry = found->second;
  if (added) entry.first_us = now_us;
  entry.last_us = now_us;
  entry.sight = sight;
}

std::vector<AlarmChange> AlarmBoard::Step() {
  base::MutexLock lock(mutex_);
  const int64_t now = clock_.NowMicros();
  for (const Sight& sight : seen_) See(sight, now);
  if (now - looked_us_ >= kLookMicrosMax) {
    See({&kWatchStalled, 0,
         fmt::format("nothing was looked at for {} s",
                     (now - looked_us_) / base::kMicrosPerSecond)},
        now);
  }
  std::vector<AlarmChange> changes;
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = it->second;
    const AlarmKind& kind = *entry.sight.kind;
    const bool seen = entry.last_us == now;
    const ActiveAlarm alarm{entry.sight, now - entry.first_us};
    if (!entry.active && seen && alarm.lasted_us >= kind.begins_after_us) {
      entry.active = true;
      changes.push_back({alarm, true});
    }
    const bool over =
        !seen && (!entry.active || now - entry.last_us >= kind.ends_after_us);
    if (over && entry.active) changes.push_back({alarm, false});
    it = over ? entries_.erase(it) : std::next(it);
  }
  return changes;
}

std::vector<ActiveAlarm> AlarmBoard::active() const {
  std::vector<ActiveAlarm> active;
  {
    base::MutexLock lock(mutex_);
    const int64_t now = clock_.NowMicros();
    for (const auto& [name, entry] : entries_) {
      if (entry.active) active.push_back({entry.sight, now - entry.first_us});
    }
  }
  const auto order = [](const ActiveAlarm& alarm) {
    return std::tuple(alarm.sight.kind->severity != Severity::kCritical,
                      alarm.sight.kind->name, alarm.sight.city);
  };
  std::sort(active.begin(), active.end(),
            [&](const ActiveAlarm& a, const ActiveAlarm& b) {
              return order(a) < order(b);
            });
  return active;
}

bool AlarmBoard::stalled() const {
  base::MutexLock lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(), [](const auto& one) {
    return one.second.active && one.second.sight.kind->stalled;
  });
}

}  // namespace tongchou::alarms
