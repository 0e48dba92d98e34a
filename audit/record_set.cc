#include "audit/record_set.h"

#include <utility>

#include "common/base/clock.h"

namespace tongchou::audit {

void RecordSet::AtEndOfDay(uint32_t day,
                           std::function<void(const RecordSet&)> visit) {
  visit_day_ = day;
  visit_ = std::move(visit);
}

void RecordSet::LeaveDay() {
  if (visit_ == nullptr) return;
  const auto visit = std::exchange(visit_, nullptr);
  if (first_commit_day_ != 0) visit(*this);
}

void RecordSet::Take(const AuditedEntry& entry) {
  const v1::EntryHeader& header = entry.header;
  if (header.sequence() >= limit_.size) return;
  const uint32_t day = base::ChinaDay(header.commit_time_us());
  if (day > limit_.as_of) return;
  if (day > visit_day_) LeaveDay();
  if (first_commit_day_ == 0) first_commit_day_ = day;
  ReplayedRecord& stored = records_[entry.body.key()];
  stored.sequence = header.sequence();
  stored.deleted = header.operation() != v1::OPERATION_UPSERT;
  stored.record = stored.deleted ? std::string() : entry.body.record();
}

void RecordSet::Finish() { LeaveDay(); }

}  // namespace tongchou::audit
