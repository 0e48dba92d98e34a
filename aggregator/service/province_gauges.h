// The aggregator's own metrics; alarms are the watch's
// (common/alarms/alarm_watch.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "aggregator/service/own_head.h"
#include "aggregator/service/province_alarms.h"
#include "common/alarms/machine_gauges.h"

namespace tongchou::aggregator {

// One thread at a time.
class ProvinceGauges {
 public:
  // The registry outlives them.
  explicit ProvinceGauges(prometheus::Registry* registry);

  // `disk_days`: see alarms::MachineAlarms.
  void Show(const ProvinceFacts& facts, const MirrorNews& mirror,
            std::optional<double> disk_days);

 private:
  using Family = prometheus::Family<prometheus::Gauge>;
  struct City {
    prometheus::Gauge& durable;
    prometheus::Gauge& applied;
    prometheus::Gauge& heard;
  };

  // Of a city that may have joined just now.
  City& Of(uint32_t city);

  alarms::MachineGauges machine_;
  prometheus::Gauge& log_signed_;
  prometheus::Gauge& mirror_entries_;
  prometheus::Gauge& mirror_heard_;
  Family& durable_;
  Family& applied_;
  Family& heard_;
  std::map<uint32_t, City> cities_;
};

}  // namespace tongchou::aggregator
