#include "node/record_reader.h"

#include "common/base/status.h"
#include "common/records/record_view.h"

namespace tongchou::node {

absl::StatusOr<std::shared_ptr<const ledger::Bundle>> RecordReader::BundleOf(
    uint64_t sequence) {
  {
    base::MutexLock lock(mutex_);
    for (auto it = cache_.begin(); it != cache_.end(); ++it) {
      const uint64_t first = (*it)->first_sequence();
      if (sequence >= first && sequence < first + (*it)->count()) {
        cache_.splice(cache_.begin(), cache_, it);
        return cache_.front();
      }
    }
  }
  ASSIGN_OR_RETURN(const ledger::StoredBundle stored, log_.BundleAt(sequence));
  auto bundle = std::make_shared<ledger::Bundle>();
  RETURN_IF_ERROR(bundle->Decode(stored.bytes));
  base::MutexLock lock(mutex_);
  cache_.push_front(bundle);
  if (cache_.size() > kBundleCacheMax) cache_.pop_back();
  return std::shared_ptr<const ledger::Bundle>(bundle);
}

absl::StatusOr<StoredEntry> RecordReader::ReadEntry(uint64_t sequence) {
  ASSIGN_OR_RETURN(const auto bundle, BundleOf(sequence));
  const size_t i = sequence - bundle->first_sequence();
  StoredEntry entry;
  const auto body = bundle->body(i);
  if (!body.has_value() ||
      !entry.header.ParseFromArray(
          bundle->header(i).data(),
          static_cast<int>(bundle->header(i).size())) ||
      !entry.body.ParseFromArray(body->data(),
                                 static_cast<int>(body->size()))) {
    return base::DataLossError("log: entry {} cannot be read", sequence);
  }
  return entry;
}

absl::StatusOr<v1::RecordView> RecordReader::ViewOf(
    const StoredEntry& entry) const {
  return records::MakeView(city_, entry.header, entry.body);
}

absl::StatusOr<std::vector<v1::RecordVersion>> RecordReader::ReadHistory(
    uint64_t sequence) {
  std::vector<v1::RecordVersion> versions;
  for (uint64_t next = sequence + 1; next != 0;) {
    ASSIGN_OR_RETURN(const StoredEntry entry, ReadEntry(next - 1));
    ASSIGN_OR_RETURN(v1::RecordVersion version,
                     records::MakeVersion(city_, entry.header, entry.body));
    versions.push_back(std::move(version));
    next = entry.header.previous();
  }
  return versions;
}

}  // namespace tongchou::node
