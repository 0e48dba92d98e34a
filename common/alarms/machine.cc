#include "common/alarms/machine.h"

#include <sys/statvfs.h>

#include "common/base/certificate.h"
#include "common/base/status.h"

namespace tongchou::alarms {

MachineFacts LookAtMachine(const std::string& data,
                           const std::string& certificate, int64_t now_us) {
  MachineFacts facts;
  struct statvfs disk;
  if (statvfs(data.c_str(), &disk) == 0) {
    facts.free_bytes = uint64_t{disk.f_bavail} * disk.f_frsize;
  }
  const auto days = base::CertificateDaysLeft(certificate, now_us);
  if (days.ok()) facts.certificate_days = *days;
  return facts;
}

void MachineAlarms::Look(const MachineFacts& facts, int64_t now_us,
                         std::vector<Sight>* seen) {
  if (facts.free_bytes.has_value()) {
    disk_days_ = disk_.Look(*facts.free_bytes, now_us);
    const uint64_t free_mib = *facts.free_bytes >> 20;
    if (*facts.free_bytes < facts.reserve_bytes) {
      seen->push_back({&kDiskFull, 0,
                       fmt::format("{} MiB free, {} are kept in reserve",
                                   free_mib, facts.reserve_bytes >> 20)});
    }
    if (disk_days_.has_value() && *disk_days_ < kDiskDaysMin) {
      seen->push_back({&kDiskFilling, 0,
                       fmt::format("{} MiB free, full in {:.0f} days", free_mib,
                                   *disk_days_)});
    }
  }
  if (facts.certificate_days.has_value() &&
      *facts.certificate_days < kCertificateDaysMin) {
    seen->push_back({&kCertificateEnds, 0,
                     fmt::format("good for {} days", *facts.certificate_days)});
  }
  if (!facts.volume_warning.empty()) {
    seen->push_back({&kDataNotEncrypted, 0, facts.volume_warning});
  }
}

void LookAtWrites(const absl::Status& last, std::vector<Sight>* seen) {
  if (!absl::IsInternal(last) && !absl::IsDataLoss(last)) return;
  seen->push_back({&kWritesFail, 0, base::Describe(last)});
}

}  // namespace tongchou::alarms
