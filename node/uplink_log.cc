#include "node/uplink_log.h"

#include <utility>

#include "common/base/status.h"
#include "common/ledger/bundle.h"

namespace tongchou::node {

absl::StatusOr<ledger::Hash> UplinkLogAdapter::RootAt(uint64_t size) {
  const auto signed_head = signed_roots_.find(size);
  if (signed_head != signed_roots_.end()) return signed_head->second;
  const ledger::LogHead head = log_.Head();
  if (size == head.size()) return head.range.Root();
  if (size == batch_range_.size()) return batch_range_.Root();
  return log_.RootAt(size);
}

absl::StatusOr<std::string> UplinkLogAdapter::SignHead(uint64_t size) {
  ASSIGN_OR_RETURN(const ledger::Hash root, RootAt(size));
  ASSIGN_OR_RETURN(std::string note, signer_.Sign(size, root));
  RETURN_IF_ERROR(log_.PutCheckpoint(size, note));
  signed_roots_[size] = root;
  return note;
}

absl::Status UplinkLogAdapter::KeepCosigned(uint64_t size,
                                            std::string_view note) {
  // The province acknowledges in order.
  signed_roots_.erase(signed_roots_.begin(), signed_roots_.upper_bound(size));
  return log_.PutCheckpoint(size, note);
}

absl::StatusOr<v1::Batch> UplinkLogAdapter::ReadBatch(uint64_t size,
                                                      uint64_t bytes_max,
                                                      uint64_t* end_size) {
  v1::Batch batch;
  AddRecent(size, bytes_max, &batch);
  if (batch.bundles().empty()) {
    RETURN_IF_ERROR(AddStored(size, bytes_max, &batch));
  }
  *end_size = batch_range_.size();
  return batch;
}

// What was committed just now needs neither reading nor hashing again.
void UplinkLogAdapter::AddRecent(uint64_t size, uint64_t bytes_max,
                                 v1::Batch* batch) {
  for (const auto& bundle : log_.RecentBundles(size, bytes_max)) {
    if (bundle->end.size() > committed_) break;
    batch->add_bundles(bundle->bytes);
    batch_range_ = bundle->end;
  }
}

absl::Status UplinkLogAdapter::AddStored(uint64_t size, uint64_t bytes_max,
                                         v1::Batch* batch) {
  if (batch_range_.size() != size) {
    ASSIGN_OR_RETURN(batch_range_, log_.RangeAt(size));
  }
  uint64_t bytes = 0;
  ledger::Bundle bundle;
  absl::Status status;
  RETURN_IF_ERROR(log_.ReadBundles(size, [&](ledger::StoredBundle&& stored) {
    if (stored.first_sequence != batch_range_.size()) {
      status = base::OutOfRangeError("no bundle begins at entry {}", size);
      return false;
    }
    if (batch_range_.size() >= committed_) return false;
    if (bytes > 0 && bytes + stored.bytes.size() > bytes_max) return false;
    bytes += stored.bytes.size();
    status = bundle.Decode(stored.bytes);
    if (!status.ok()) return false;
    batch_range_.Append(bundle.leaf_hashes());
    batch->add_bundles(std::move(stored.bytes));
    return true;
  }));
  return status;
}

}  // namespace tongchou::node
