#include "node/log_receiver.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/ledger/checkpoint.h"

namespace tongchou::node {

absl::Status LogReceiver::TakeHead(const std::string& note) {
  const auto head = city_keys_.Open(note);
  if (!head.ok()) {
    return base::InvalidArgumentError(
        "a checkpoint of the province's copy is not of this city's key: {}",
        base::Message(head.status()));
  }
  if (head->size <= range_.size()) {
    return base::DataLossError("the checkpoint at size {} came behind entry {}",
                               head->size, range_.size());
  }
  heads_[head->size] = {head->root, note};
  return absl::OkStatus();
}

absl::Status LogReceiver::Take(const v1::ReadBackResponse& piece) {
  for (const std::string& note : piece.checkpoints()) {
    RETURN_IF_ERROR(TakeHead(note));
  }
  for (const std::string& bytes : piece.bundles()) {
    RETURN_IF_ERROR(TakeBundle(bytes));
  }
  return covered_ == range_.size() ? WriteCovered() : absl::OkStatus();
}

absl::Status LogReceiver::TakeBundle(const std::string& bytes) {
  const uint64_t first = range_.size();
  if (absl::Status status = bundle_.Decode(bytes); !status.ok()) {
    return base::Annotate(status, fmt::format("the bundle at entry {}", first));
  }
  if (bundle_.first_sequence() != first) {
    return base::DataLossError("a bundle begins at entry {} where {} is next",
                               bundle_.first_sequence(), first);
  }
  for (size_t i = 0; i < bundle_.count(); ++i) RETURN_IF_ERROR(TakeEntry(i));
  pending_.bundles.push_back({first, bundle_.count(), bytes});
  return absl::OkStatus();
}

absl::Status LogReceiver::TakeEntry(size_t i) {
  const uint64_t sequence = range_.size();
  const auto body = bundle_.body(i);
  if (!body.has_value()) {
    return base::DataLossError("entry {}: its body is missing", sequence);
  }
  if (!ledger::ReadHeader(bundle_.header(i), &header_) ||
      !ledger::ReadBody(*body, &body_) || header_.sequence != sequence) {
    return base::DataLossError("entry {} cannot be read", sequence);
  }
  const ledger::Hash leaf = bundle_.leaf_hash(i);
  range_.Append(leaf);
  pending_.leaf_hashes.push_back(leaf);
  pending_.last_commit_time_us = header_.commit_time_us;
  last_receipt_ = std::max(last_receipt_, header_.receipt);
  if (!body_.transaction_id.empty()) {
    pending_.transaction_ids.emplace_back(body_.transaction_id);
    pending_.transaction_sizes.push_back(range_.size());
  }
  return CheckRoot();
}

absl::Status LogReceiver::CheckRoot() {
  const auto head = heads_.find(range_.size());
  if (head == heads_.end()) return absl::OkStatus();
  if (head->second.first != range_.Root()) {
    return base::DataLossError(
        "the province's copy is not what this city signed: another root at "
        "size {}, the copies agree up to entry {}",
        range_.size(), covered_);
  }
  covered_ = range_.size();
  agreed_[covered_] = std::move(head->second.second);
  heads_.erase(head);
  return absl::OkStatus();
}

absl::Status LogReceiver::WriteCovered() {
  if (pending_.bundles.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(log_.Append(std::exchange(pending_, {})));
  for (const auto& [size, note] : agreed_) {
    RETURN_IF_ERROR(log_.PutCheckpoint(size, note));
  }
  agreed_.clear();
  return absl::OkStatus();
}

absl::Status LogReceiver::Finish(uint64_t size) {
  if (range_.size() != size) {
    return base::DataLossError("the province sent {} of {} entries",
                               range_.size(), size);
  }
  if (covered_ != size || !heads_.empty()) {
    return base::DataLossError(
        "no head of this city covers the entries from {} on", covered_);
  }
  return WriteCovered();
}

}  // namespace tongchou::node
