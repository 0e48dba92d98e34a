// What both programs watch of the machine they run on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/alarms/alarm_board.h"
#include "common/alarms/watches.h"

namespace tongchou::alarms {

struct MachineFacts {
  std::optional<uint64_t> free_bytes;  // of the data's volume
  uint64_t reserve_bytes = 0;          // below it nothing is written
  // Of the program, which does not look twice: base::EncryptionWarning.
  std::string volume_warning;  // empty when it is encrypted
  std::optional<int> certificate_days;
};

// The free space of the volume of `data` and the days of the certificate at a
// path.
MachineFacts LookAtMachine(const std::string& data,
                           const std::string& certificate, int64_t now_us);

// Not thread-safe.
class MachineAlarms {
 public:
  // Adds what is wrong.
  void Look(const MachineFacts& facts, int64_t now_us,
            std::vector<Sight>* seen);
  // Days until the disk is full, as of the last look.
  std::optional<double> disk_days() const { return disk_days_; }

 private:
  DiskWatch disk_;
  std::optional<double> disk_days_;
};

// A queue of work with one worker.
struct QueueFacts {
  size_t waiting = 0;  // with what is being done
  uint64_t done = 0;   // pieces of work so far, failed ones included
  absl::Status last;   // of the last one
};

// That the disk failed the last piece of work. A full one is an alarm of its
// own; what somebody else has to mend first is none of the disk's.
void LookAtWrites(const absl::Status& last, std::vector<Sight>* seen);

}  // namespace tongchou::alarms
