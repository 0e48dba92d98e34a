// Metrics of what both programs watch of the machine they run on.
#pragma once

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <optional>
#include <string>

#include "common/alarms/machine.h"

namespace tongchou::alarms {

// One thread at a time.
class MachineGauges {
 public:
  // PREFIX_data_encrypted, PREFIX_disk_full_days and, once a certificate could
  // be read, PREFIX_certificate_days; each with `labels`. The registry outlives
  // them.
  MachineGauges(const std::string& prefix, prometheus::Labels labels,
                prometheus::Registry* registry);

  // `disk_days`: see MachineAlarms.
  void Show(const MachineFacts& facts, std::optional<double> disk_days);

 private:
  const prometheus::Labels labels_;
  prometheus::Gauge& encrypted_;
  prometheus::Gauge& disk_days_;
  prometheus::Family<prometheus::Gauge>& certificate_days_;
  prometheus::Gauge* certificate_ = nullptr;
};

}  // namespace tongchou::alarms
