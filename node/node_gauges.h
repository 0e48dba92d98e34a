// A node's own metrics; alarms are the watch's (common/alarms/alarm_watch.h).
#pragma once

#include <cstdint>
#include <optional>

#include "common/alarms/machine_gauges.h"
#include "node/node_alarms.h"

namespace tongchou::node {

// One thread at a time.
class NodeGauges {
 public:
  // Those of the province's side too where the node `has_uplink`. The registry
  // outlives them.
  NodeGauges(uint32_t city, bool has_uplink, prometheus::Registry* registry);

  // `disk_days`: see alarms::MachineAlarms.
  void Show(const NodeFacts& facts, std::optional<double> disk_days);

 private:
  struct Uplink {
    prometheus::Gauge& durable;
    prometheus::Gauge& applied;
    prometheus::Gauge& province_log;
    prometheus::Gauge& contradicted;
  };

  alarms::MachineGauges machine_;
  prometheus::Gauge& committed_;
  prometheus::Gauge& records_;
  prometheus::Gauge& read_only_;
  std::optional<Uplink> uplink_;
};

}  // namespace tongchou::node
