#include "common/alarms/machine_gauges.h"

#include <limits>
#include <utility>

namespace tongchou::alarms {

MachineGauges::MachineGauges(const std::string& prefix,
                             prometheus::Labels labels,
                             prometheus::Registry* registry)
    : labels_(std::move(labels)),
      encrypted_(prometheus::BuildGauge()
                     .Name(prefix + "_data_encrypted")
                     .Help("1 while the data lie on an encrypted volume")
                     .Register(*registry)
                     .Add(labels_)),
      disk_days_(prometheus::BuildGauge()
                     .Name(prefix + "_disk_full_days")
                     .Help("Days until the disk is full, at the pace of up to "
                           "seven days")
                     .Register(*registry)
                     .Add(labels_)),
      certificate_days_(
          prometheus::BuildGauge()
              .Name(prefix + "_certificate_days")
              .Help("Days for which the certificate is still good")
              .Register(*registry)) {}

void MachineGauges::Show(const MachineFacts& facts,
                         std::optional<double> disk_days) {
  encrypted_.Set(facts.volume_warning.empty() ? 1 : 0);
  disk_days_.Set(disk_days.value_or(std::numeric_limits<double>::infinity()));
  if (!facts.certificate_days.has_value()) return;
  if (certificate_ == nullptr) certificate_ = &certificate_days_.Add(labels_);
  certificate_->Set(*facts.certificate_days);
}

}  // namespace tongchou::alarms
