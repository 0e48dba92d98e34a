// From what a node sees of itself, once a second, to what is wrong.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/alarms/machine.h"
#include "common/alarms/watches.h"
#include "node/uplink_client.h"

namespace tongchou::node {

struct NodeFacts {
  alarms::MachineFacts machine;
  uint64_t committed = 0;
  uint64_t records = 0;  // that are not deleted
  alarms::QueueFacts writes;
  std::string read_only_reason;  // empty: it takes writes
  bool has_uplink = false;       // else the node works alone
  UplinkStatus uplink;
  uint64_t province_log_entries = 0;  // verified and cosigned
  std::string province_log_problem;   // empty when all is well
};

// Not thread-safe.
class NodeAlarms {
 public:
  // What is wrong at this moment of a steady clock.
  std::vector<alarms::Sight> Look(const NodeFacts& facts, int64_t now_us);
  const alarms::MachineAlarms& machine() const { return machine_; }

 private:
  void LookAtUplink(const NodeFacts& facts, int64_t now_us,
                    std::vector<alarms::Sight>* seen);

  alarms::MachineAlarms machine_;
  alarms::StallWatch commit_;
  alarms::StallWatch send_;
  alarms::GrowthWatch unsent_;
};

}  // namespace tongchou::node
