// The records of one city, rebuilt from its log: last change wins.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "audit/log_check.h"

namespace tongchou::audit {

struct ReplayedRecord {
  std::string record;  // as it lies in the log; empty when deleted
  uint64_t sequence = 0;
  bool deleted = false;
};
using RecordMap = absl::flat_hash_map<std::string, ReplayedRecord>;

// How far a log is replayed.
struct ReplayLimit {
  uint64_t size = UINT64_MAX;  // entries
  uint32_t as_of = 99991231;   // commit day, inclusive
};

// Not thread-safe.
class RecordSet {
 public:
  RecordSet(uint32_t city, ReplayLimit limit) : city_(city), limit_(limit) {}

  // Called once, before the first entry committed after `day` is taken or at
  // Finish: the records as of the end of that day. Not called when nothing had
  // been committed by then.
  void AtEndOfDay(uint32_t day, std::function<void(const RecordSet&)> visit);

  void Take(const AuditedEntry& entry);
  void Finish();

  uint32_t city() const { return city_; }
  const RecordMap& records() const { return records_; }
  // 0 before the first.
  uint32_t first_commit_day() const { return first_commit_day_; }

 private:
  void LeaveDay();

  const uint32_t city_;
  const ReplayLimit limit_;
  RecordMap records_;
  uint32_t first_commit_day_ = 0;
  uint32_t visit_day_ = 0;
  std::function<void(const RecordSet&)> visit_;
};

}  // namespace tongchou::audit
