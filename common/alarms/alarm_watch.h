// The thread that steps a program's alarms: it logs each once when it begins
// and once when it ends, shows all of them as metrics, and says whether the
// program serves. It waits for nobody.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/alarms/alarm_board.h"

namespace prometheus {
class Registry;
}

namespace tongchou::alarms {

struct AlarmWatchOptions {
  AlarmBoard* board = nullptr;  // outlives the watch
  Program program = Program::kBoth;
  // Gets tongchou_alarm{alarm, severity, city}: 1 while it is on, else 0.
  std::shared_ptr<prometheus::Registry> registry;
  // The city of the program's own alarms; empty = of none.
  std::string city;
  // Told when it changes, by the watch's thread: false while the board says
  // that the program is stalled. It counts as serving at first.
  std::function<void(bool)> serving;
};

class AlarmWatch {
 public:
  static std::unique_ptr<AlarmWatch> Start(AlarmWatchOptions options);
  virtual ~AlarmWatch() = default;
};

// "apply_stalled (critical): what was seen; what it means; what to do"
std::string Describe(const Sight& sight);

}  // namespace tongchou::alarms
