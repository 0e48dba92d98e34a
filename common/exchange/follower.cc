#include "common/exchange/follower.h"

#include <utility>

#include "common/base/big_endian.h"
#include "common/base/status.h"

namespace tongchou::exchange {
namespace {

constexpr size_t kNumberBytes = 8;
constexpr uint32_t kEveryone = 1;  // EntryHeader.audience

bool IsFor(uint32_t city, const v1::EntryHeader& header) {
  return header.audience() == kEveryone || header.audience() == city;
}

}  // namespace

// time (u64), length of the note (u64), note, range
std::string FollowedHead::Encode() const {
  std::string bytes;
  base::AppendBigEndian<kNumberBytes>(
      static_cast<uint64_t>(last_commit_time_us), &bytes);
  base::AppendBigEndian<kNumberBytes>(note.size(), &bytes);
  return bytes + note + range.Encode();
}

absl::StatusOr<FollowedHead> FollowedHead::Decode(std::string_view bytes) {
  FollowedHead head;
  if (bytes.size() < 2 * kNumberBytes) {
    return base::DataLossError("what is known of the province's log is cut");
  }
  head.last_commit_time_us =
      static_cast<int64_t>(base::ReadBigEndian(bytes.substr(0, kNumberBytes)));
  const uint64_t length =
      base::ReadBigEndian(bytes.substr(kNumberBytes, kNumberBytes));
  bytes.remove_prefix(2 * kNumberBytes);
  if (length > bytes.size()) {
    return base::DataLossError("what is known of the province's log is cut");
  }
  head.note = bytes.substr(0, length);
  ASSIGN_OR_RETURN(head.range,
                   ledger::CompactRange::Decode(bytes.substr(length)));
  return head;
}

Follower::Follower(ledger::VerifierKey province_key, uint32_t city,
                   FollowedHead known)
    : province_key_(std::move(province_key)),
      city_(city),
      known_(std::move(known)),
      coming_(known_) {}

absl::StatusOr<std::optional<FollowedNews>> Follower::OnPiece(
    const v1::ProvinceLog& piece) {
  for (const std::string& bytes : piece.bundles()) {
    RETURN_IF_ERROR(TakeBundle(bytes));
  }
  if (piece.checkpoint().empty()) return std::nullopt;
  const auto head = ledger::OpenCheckpoint(piece.checkpoint(), province_key_);
  if (!head.ok()) {
    return base::InvalidArgumentError(
        "the province's log: its head is not of the pinned key: {}",
        base::Message(head.status()));
  }
  if (head->size != coming_.range.size()) {
    return base::InvalidArgumentError(
        "the province's log: a head at size {} came behind entry {}",
        head->size, coming_.range.size());
  }
  if (head->root != coming_.range.Root()) {
    return base::DataLossError(
        "the province's log: its head at size {} does not extend the one at "
        "size {} that this city knows",
        head->size, known_.range.size());
  }
  coming_.note = piece.checkpoint();
  known_ = coming_;
  return FollowedNews{known_, std::exchange(entries_, {})};
}

absl::Status Follower::TakeBundle(const std::string& bytes) {
  const uint64_t next = coming_.range.size();
  if (absl::Status status = bundle_.Decode(bytes); !status.ok()) {
    return base::InvalidArgumentError(
        "the province's log: the bundle at entry {}: {}", next,
        base::Message(status));
  }
  if (bundle_.first_sequence() != next) {
    return base::InvalidArgumentError(
        "the province's log: a bundle begins at entry {} where {} is next",
        bundle_.first_sequence(), next);
  }
  for (size_t i = 0; i < bundle_.count(); ++i) RETURN_IF_ERROR(TakeEntry(i));
  return absl::OkStatus();
}

absl::Status Follower::TakeEntry(size_t i) {
  const uint64_t sequence = coming_.range.size();
  AddressedEntry entry;
  if (!entry.header.ParseFromString(std::string(bundle_.header(i))) ||
      entry.header.sequence() != sequence ||
      entry.header.commit_time_us() < coming_.last_commit_time_us) {
    return base::DataLossError("the province's log: entry {} is not in order",
                               sequence);
  }
  coming_.last_commit_time_us = entry.header.commit_time_us();
  coming_.range.Append(bundle_.leaf_hash(i));
  if (entry.header.audience() != city_) return absl::OkStatus();
  const auto body = bundle_.body(i);
  if (!body.has_value() || !entry.body.ParseFromString(std::string(*body))) {
    return base::DataLossError(
        "the province's log: entry {} is for this city and its body is "
        "missing",
        sequence);
  }
  entries_.push_back(std::move(entry));
  return absl::OkStatus();
}

absl::StatusOr<std::string> BundleFor(uint32_t city, const std::string& bytes,
                                      ledger::BundleWriter* writer) {
  ledger::Bundle bundle;
  RETURN_IF_ERROR(bundle.Decode(bytes));
  v1::EntryHeader header;
  for (size_t i = 0; i < bundle.count(); ++i) {
    if (!header.ParseFromString(std::string(bundle.header(i)))) {
      return base::DataLossError("the province's log: a header is no message");
    }
    const auto body = bundle.body(i);
    if (body.has_value() && IsFor(city, header)) {
      writer->Add(bundle.header(i), *body);
    } else {
      writer->AddWithheld(bundle.header(i), bundle.body_hash(i));
    }
  }
  return writer->Finish(bundle.first_sequence());
}

}  // namespace tongchou::exchange
