#include "common/exchange/uplink.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/base/status.h"
#include "common/exchange/key_changes.h"
#include "common/ledger/cosignature.h"

namespace tongchou::exchange {
namespace {

absl::Status CheckClocks(int64_t province_us, int64_t now_us) {
  if (ClocksAgree(now_us, province_us)) return absl::OkStatus();
  return base::FailedPreconditionError(
      "the province's clock says {} us, this node's {} us: set the wrong one",
      province_us, now_us);
}

}  // namespace

bool ClocksAgree(int64_t here_us, int64_t there_us) {
  return there_us <= here_us + kClockSkewMicrosMax &&
         there_us >= here_us - kClockSkewMicrosMax;
}

uint64_t BundleBytes(const v1::Batch& batch) {
  uint64_t bytes = 0;
  for (const std::string& bundle : batch.bundles()) bytes += bundle.size();
  return bytes;
}

Uplink::Uplink(UplinkConfig config, UplinkLog* log)
    : config_(std::move(config)),
      log_(log),
      spacing_us_(config_.batch_spacing_us) {}

absl::Status Uplink::OnMessage(const v1::ProvinceMessage& message,
                               int64_t now_us) {
  switch (message.message_case()) {
    case v1::ProvinceMessage::kWelcome:
      return OnWelcome(message.welcome(), now_us);
    case v1::ProvinceMessage::kAck:
      return OnAck(message.ack());
    case v1::ProvinceMessage::kLog:  // the owner's; see Follower
    case v1::ProvinceMessage::MESSAGE_NOT_SET:
      break;
  }
  return base::InvalidArgumentError(
      "the province sent a message that protocol {} does not know",
      kProtocolVersion);
}

absl::Status Uplink::CheckWelcome(const v1::Welcome& welcome, int64_t now_us) {
  if (!hello_sent_ || positions_.welcomed) {
    return base::InvalidArgumentError(
        "the province sent a Welcome that answers no Hello");
  }
  if (welcome.protocol_version() != kProtocolVersion) {
    return base::InvalidArgumentError(
        "the province speaks protocol {}, this node {}: update the older",
        welcome.protocol_version(), kProtocolVersion);
  }
  RETURN_IF_ERROR(CheckClocks(welcome.province_time_us(), now_us));
  const uint64_t committed = log_->committed_size();
  if (welcome.durable_size() > committed) {
    return base::FailedPreconditionError(
        "{}: the province holds {} entries, here are {}: this log is behind "
        "its own past",
        config_.origin, welcome.durable_size(), committed);
  }
  if (welcome.applied_size() > welcome.durable_size()) {
    return base::InvalidArgumentError(
        "the province applied {} entries but holds {}", welcome.applied_size(),
        welcome.durable_size());
  }
  if (welcome.checkpoint().empty() && welcome.durable_size() > 0) {
    return base::InvalidArgumentError(
        "the province holds {} entries but names no checkpoint of them",
        welcome.durable_size());
  }
  return absl::OkStatus();
}

absl::Status Uplink::OnWelcome(const v1::Welcome& welcome, int64_t now_us) {
  RETURN_IF_ERROR(CheckWelcome(welcome, now_us));
  const uint64_t size = welcome.durable_size();
  if (welcome.checkpoint().empty()) {
    RETURN_IF_ERROR(log_->ConfirmHead(0, ledger::EmptyRoot()));
  } else {
    ASSIGN_OR_RETURN(const ledger::Hash root,
                     VerifyCosigned(welcome.checkpoint(), size));
    RETURN_IF_ERROR(log_->ConfirmHead(size, root));
    RETURN_IF_ERROR(log_->KeepCosigned(size, welcome.checkpoint()));
  }
  positions_ = {.durable = size,
                .applied = welcome.applied_size(),
                .welcomed = true,
                .province_time_us = welcome.province_time_us(),
                .sent = size};
  stream_us_ = welcome.province_time_us();
  window_bytes_ = welcome.window_bytes();
  return absl::OkStatus();
}

absl::Status Uplink::OnAck(const v1::Ack& ack) {
  if (!positions_.welcomed) {
    return base::InvalidArgumentError(
        "the province sent an Ack before a "
        "Welcome");
  }
  const uint64_t size = ack.durable_size();
  if (size < positions_.durable || size > positions_.sent) {
    return base::InvalidArgumentError(
        "the province acknowledges {} entries after {}, of {} sent", size,
        positions_.durable, positions_.sent);
  }
  if (ack.applied_size() > size) {
    return base::InvalidArgumentError(
        "the province applied {} entries but holds {}", ack.applied_size(),
        size);
  }
  if (!ack.cosigned_checkpoint().empty()) {
    // What this node signed a moment ago it need not verify.
    RETURN_IF_ERROR(
        IsOwnNote(ack.cosigned_checkpoint(), size)
            ? VerifyCosignature(ack.cosigned_checkpoint(), size)
            : VerifyCosigned(ack.cosigned_checkpoint(), size).status());
    RETURN_IF_ERROR(log_->KeepCosigned(size, ack.cosigned_checkpoint()));
  }
  positions_.durable = size;
  positions_.applied = ack.applied_size();
  positions_.province_time_us = ack.province_time_us();
  while (!in_flight_.empty() && in_flight_.front().end_size <= size) {
    in_flight_bytes_ -= in_flight_.front().bytes;
    in_flight_.pop_front();
  }
  return absl::OkStatus();
}

absl::StatusOr<ledger::Hash> Uplink::VerifyCosigned(std::string_view note,
                                                    uint64_t size) {
  const auto checkpoint = log_->keys().Open(note);
  if (!checkpoint.ok()) {
    return base::DataLossError(
        "{}: the checkpoint that the province returns is not this node's: {}",
        config_.origin, base::Message(checkpoint.status()));
  }
  RETURN_IF_ERROR(VerifyCosignature(note, checkpoint->size));
  if (checkpoint->size != size) {
    return base::InvalidArgumentError(
        "{}: the province holds {} entries but its checkpoint has {}",
        config_.origin, size, checkpoint->size);
  }
  ASSIGN_OR_RETURN(const ledger::Hash root, log_->RootAt(size));
  if (root != checkpoint->root) {
    return base::FailedPreconditionError(
        "{}: a fork: this node signed another root at size {} than its log "
        "has; stop it and call the province",
        config_.origin, size);
  }
  return root;
}

absl::Status Uplink::VerifyCosignature(std::string_view note, uint64_t size) {
  const auto time = ledger::VerifyCosignature(note, config_.province_key);
  if (time.ok()) return absl::OkStatus();
  return base::DataLossError(
      "{}: the cosignature at size {} is not the province's: {}",
      config_.origin, size, base::Message(time.status()));
}

bool Uplink::IsOwnNote(std::string_view note, uint64_t size) const {
  return std::any_of(
      in_flight_.begin(), in_flight_.end(), [&](const InFlight& sent) {
        return sent.end_size == size && note.starts_with(sent.note);
      });
}

v1::NodeMessage Uplink::MakeHello() {
  v1::NodeMessage message;
  v1::Hello* hello = message.mutable_hello();
  hello->set_protocol_version(kProtocolVersion);
  hello->set_origin(config_.origin);
  hello->set_committed_size(log_->committed_size());
  hello->set_checkpoint(config_.checkpoint);
  *hello->mutable_incarnation() = config_.incarnation;
  hello->set_start(log_->SignStart({.origin = config_.origin,
                                    .counter = config_.incarnation.counter(),
                                    .nonce = config_.incarnation.nonce()}));
  hello->set_cosigned_checkpoint(config_.cosigned_checkpoint);
  hello->set_follows_province(config_.follows_province);
  hello->set_province_checkpoint(config_.province_checkpoint);
  hello->set_batch_bytes_max(kBatchBytesMax);
  const ledger::LogKeys keys = log_->keys();
  *hello->mutable_key_changes() = MakeKeyChanges(keys.changes());
  if (!keys.changes().empty()) {
    announced_size_ = keys.changes().back().sequence + 1;
  }
  return message;
}

absl::Status Uplink::ReadPending(int64_t now_us) {
  gathering_ = false;
  const uint64_t committed = log_->committed_size();
  if (pending_.has_value() || WindowFull() || positions_.sent >= committed ||
      Gathers(committed - positions_.sent, now_us)) {
    return absl::OkStatus();
  }
  uint64_t end_size = 0;
  ASSIGN_OR_RETURN(v1::Batch batch,
                   log_->ReadBatch(positions_.sent, kBatchBytesMax, &end_size));
  if (end_size <= positions_.sent || end_size > committed) {
    return base::InternalError(
        "{}: the log gave the entries {} to {} of {} committed", config_.origin,
        positions_.sent, end_size, committed);
  }
  const uint64_t bytes = BundleBytes(batch);
  pending_ = Pending{std::move(batch), end_size, bytes};
  return absl::OkStatus();
}

// A clock that was set back ends the waiting.
bool Uplink::Gathers(uint64_t entries, int64_t now_us) {
  gathering_ = false;
  if (entries >= config_.pipelined_entries_min) return false;
  if (!in_flight_.empty()) return true;
  gathering_ =
      now_us >= last_batch_us_ && now_us - last_batch_us_ < spacing_us_;
  gathered_ |= gathering_;
  return gathering_;
}

int64_t Uplink::DueIn(int64_t now_us) const {
  const int64_t due = gathering_ ? last_batch_us_ + spacing_us_
                                 : last_sent_us_ + kHeartbeatMicros;
  return std::clamp<int64_t>(due - now_us, 0, kHeartbeatMicros);
}

uint64_t Uplink::DueSize() const {
  if (!positions_.welcomed || WindowFull() || pending_.has_value()) {
    return std::numeric_limits<uint64_t>::max();
  }
  const bool waits = gathering_ || !in_flight_.empty();
  return positions_.sent +
         (waits ? std::max<uint64_t>(config_.pipelined_entries_min, 1) : 1);
}

bool Uplink::WindowFull() const {
  return !in_flight_.empty() && in_flight_bytes_ >= window_bytes_;
}

bool Uplink::PendingFits() const {
  return pending_.has_value() &&
         (in_flight_.empty() ||
          in_flight_bytes_ + pending_->bytes <= window_bytes_);
}

absl::StatusOr<v1::NodeMessage> Uplink::TakePending() {
  ASSIGN_OR_RETURN(std::string note, log_->SignHead(pending_->end_size));
  v1::NodeMessage message;
  *message.mutable_batch() = std::move(pending_->batch);
  message.mutable_batch()->set_checkpoint(note);
  in_flight_.push_back({pending_->end_size, pending_->bytes, std::move(note)});
  in_flight_bytes_ += pending_->bytes;
  positions_.sent = pending_->end_size;
  pending_.reset();
  return message;
}

// With the newest key that the province knows: of a change that was neither
// announced nor sent it has not heard.
absl::StatusOr<v1::NodeMessage> Uplink::MakeHeartbeat(int64_t now_us) {
  const ledger::Heartbeat life = {.origin = config_.origin,
                                  .stream_us = stream_us_,
                                  .committed_size = log_->committed_size(),
                                  .applied_size = positions_.applied,
                                  .time_us = now_us};
  v1::NodeMessage message;
  v1::Heartbeat* heartbeat = message.mutable_heartbeat();
  heartbeat->set_committed_size(life.committed_size);
  heartbeat->set_node_time_us(life.time_us);
  ASSIGN_OR_RETURN(
      *heartbeat->mutable_note(),
      log_->SignHeartbeat(std::max(announced_size_, positions_.sent), life));
  return message;
}

absl::StatusOr<std::optional<v1::NodeMessage>> Uplink::Next(int64_t now_us) {
  std::optional<v1::NodeMessage> message;
  if (!hello_sent_) {
    message = MakeHello();
    hello_sent_ = true;
    last_sent_us_ = now_us;
    return message;
  }
  if (!positions_.welcomed) return message;
  RETURN_IF_ERROR(ReadPending(now_us));
  const bool quiet = now_us - last_sent_us_ >= kHeartbeatMicros ||
                     now_us < last_sent_us_;  // the clock was set back
  if (PendingFits()) {
    ASSIGN_OR_RETURN(message, TakePending());
    last_batch_us_ = now_us;
    spacing_us_ = gathered_
                      ? std::min(2 * spacing_us_,
                                 kSpacingStretchMax * config_.batch_spacing_us)
                      : config_.batch_spacing_us;
    gathered_ = false;
  } else if (quiet) {
    ASSIGN_OR_RETURN(message, MakeHeartbeat(now_us));
  }
  if (message.has_value()) last_sent_us_ = now_us;
  return message;
}

}  // namespace tongchou::exchange
