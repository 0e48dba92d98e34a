// From what the aggregator sees of itself and its cities, once a second, to
// what is wrong.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "aggregator/service/city_table.h"
#include "aggregator/state/unified_state.h"
#include "common/alarms/machine.h"
#include "common/alarms/watches.h"

namespace tongchou::aggregator {

struct CityFacts {
  uint64_t durable = 0;
  CityNews news;
};

struct ProvinceFacts {
  alarms::MachineFacts machine;
  alarms::QueueFacts journal;
  uint64_t journal_ordinal = 0;
  Position applied;
  uint64_t apply_steps = 0;   // see Applier
  absl::Status apply_status;  // why it stopped
  std::string log_problem;    // why the own log is not signed; or empty
  bool log_held = false;      // nothing of cities is taken meanwhile
  int64_t time_us = 0;        // of day
  std::map<uint32_t, CityFacts> cities;
};

// Not thread-safe.
class ProvinceAlarms {
 public:
  // `time_us`: of day, of the start.
  explicit ProvinceAlarms(int64_t time_us) : listening_since_us_(time_us) {}

  // What is wrong at this moment of a steady clock.
  std::vector<alarms::Sight> Look(const ProvinceFacts& facts, int64_t now_us);
  const alarms::MachineAlarms& machine() const { return machine_; }

 private:
  void LookAtApply(const ProvinceFacts& facts, int64_t now_us,
                   std::vector<alarms::Sight>* seen);
  bool LookAtJournal(const ProvinceFacts& facts, int64_t now_us,
                     std::vector<alarms::Sight>* seen);
  void LookAtCity(uint32_t city, const CityFacts& facts, int64_t silent_us,
                  int64_t now_us, std::vector<alarms::Sight>* seen);

  alarms::MachineAlarms machine_;
  alarms::StallWatch journal_;
  alarms::StallWatch apply_;
  alarms::GrowthWatch unapplied_;
  std::map<uint32_t, alarms::StallWatch> cities_;
  // Of day: since when cities could be heard.
  int64_t listening_since_us_;
};

}  // namespace tongchou::aggregator
