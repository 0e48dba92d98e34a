// The alarms of one program: what its looks have seen, and for how long.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/alarms/alarm.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"

namespace tongchou::alarms {

// Something that is wrong at this moment.
struct Sight {
  const AlarmKind* kind = nullptr;
  uint32_t city = 0;  // whose; 0 = the program's own
  std::string text;   // what was seen, one line
};

struct ActiveAlarm {
  Sight sight;            // as last seen
  int64_t lasted_us = 0;  // since it was first seen
};

struct AlarmChange {
  ActiveAlarm alarm;
  bool begins = false;  // else it ends
};

// Thread-safe. Who looks may hang; who steps must not, so they are two threads.
class AlarmBoard {
 public:
  // A steady clock; it outlives the board.
  explicit AlarmBoard(base::Clock* clock);

  // Everything that is wrong now; what is not named is not.
  void Look(std::vector<Sight> seen);
  // Once a second: what begins and ends by now. Sees kWatchStalled itself, when
  // Look was not called for kLookMicrosMax.
  std::vector<AlarmChange> Step();

  // Critical ones first, then by name and city.
  std::vector<ActiveAlarm> active() const;
  // Whether one of them says that the program does not do its work.
  bool stalled() const;

 private:
  using Name = std::pair<const AlarmKind*, uint32_t>;  // and city
  struct Entry {
    Sight sight;
    int64_t first_us = 0;  // seen without a break since
    int64_t last_us = 0;   // seen
    bool active = false;
  };

  void See(const Sight& sight, int64_t now_us)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  base::Clock& clock_;
  mutable base::Mutex mutex_;
  std::vector<Sight> seen_ ABSL_GUARDED_BY(mutex_);
  int64_t looked_us_ ABSL_GUARDED_BY(mutex_);
  std::map<Name, Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tongchou::alarms
