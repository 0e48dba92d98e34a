#include "common/exchange/mirror_piece.h"

#include <utility>

#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/entry_view.h"

namespace tongchou::exchange {
namespace {

// Appends one bundle's entries to the commit and to the head.
absl::Status TakeBundle(const std::string& bytes, ledger::LogHead* head,
                        ledger::GroupCommit* commit) {
  const uint64_t next = head->size();
  ledger::Bundle bundle;
  if (absl::Status status = bundle.Decode(bytes); !status.ok()) {
    return base::InvalidArgumentError(
        "the province's log: the bundle at entry {}: {}", next,
        base::Message(status));
  }
  if (bundle.first_sequence() != next || bundle.count() == 0) {
    return base::InvalidArgumentError(
        "the province's log: a bundle begins at entry {} where {} is next",
        bundle.first_sequence(), next);
  }
  ledger::HeaderView header;
  for (size_t i = 0; i < bundle.count(); ++i) {
    const uint64_t sequence = next + i;
    if (!ledger::ReadHeader(bundle.header(i), &header) ||
        header.sequence != sequence ||
        header.commit_time_us < head->last_commit_time_us) {
      return base::DataLossError("the province's log: entry {} is not in order",
                                 sequence);
    }
    if (!bundle.body(i).has_value()) {
      return base::InvalidArgumentError(
          "the province's log: the body of entry {} is withheld", sequence);
    }
    head->last_commit_time_us = header.commit_time_us;
    commit->leaf_hashes.push_back(bundle.leaf_hash(i));
    head->range.Append(commit->leaf_hashes.back());
  }
  commit->bundles.push_back({next, bundle.count(), bytes});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<VerifiedPiece> VerifyPiece(const v1::ProvinceLog& piece,
                                          const ledger::LogHead& known,
                                          const ledger::VerifierKey& key) {
  VerifiedPiece verified;
  ledger::LogHead head = known;
  for (const std::string& bytes : piece.bundles()) {
    RETURN_IF_ERROR(TakeBundle(bytes, &head, &verified.commit));
  }
  verified.commit.last_commit_time_us = head.last_commit_time_us;
  const std::string& note = piece.checkpoint();
  if (note.empty() && head.size() == 0) return verified;
  ASSIGN_OR_RETURN(verified.head, ledger::OpenCheckpoint(note, key));
  verified.commit.checkpoint = note;
  if (verified.head.size != head.size()) {
    return base::InvalidArgumentError(
        "the province's log: a head at size {} came behind entry {}",
        verified.head.size, head.size());
  }
  if (verified.head.root != head.range.Root()) {
    return base::DataLossError(
        "the province's log: the entries from {} on do not have the root that "
        "was signed at size {}",
        known.size(), verified.head.size);
  }
  return verified;
}

absl::StatusOr<v1::ProvinceLog> ReadPiece(const ledger::LogStore& log,
                                          uint64_t to,
                                          const HeadOver& head_over,
                                          ledger::CompactRange* range) {
  v1::ProvinceLog piece;
  ledger::Bundle bundle;
  size_t bytes = 0;
  absl::Status status;
  const auto close = [&]() -> absl::StatusOr<bool> {
    ASSIGN_OR_RETURN(auto note, head_over(*range));
    if (note.has_value()) piece.set_checkpoint(*std::move(note));
    return !piece.checkpoint().empty();
  };
  const auto take = [&](ledger::StoredBundle&& stored) -> absl::StatusOr<bool> {
    RETURN_IF_ERROR(bundle.Decode(stored.bytes));
    if (stored.first_sequence != range->size()) {
      return base::OutOfRangeError("no bundle begins at {}", range->size());
    }
    if (range->size() + bundle.count() > to) return false;
    for (size_t i = 0; i < bundle.count(); ++i) {
      range->Append(bundle.leaf_hash(i));
    }
    bytes += stored.bytes.size();
    piece.add_bundles(std::move(stored.bytes));
    if (bytes < kMirrorBytesTarget && range->size() < to) return true;
    ASSIGN_OR_RETURN(const bool closed, close());
    return !closed && range->size() < to;
  };
  RETURN_IF_ERROR(
      log.ReadBundles(range->size(), [&](ledger::StoredBundle&& stored) {
        const auto more = take(std::move(stored));
        status = more.status();
        return more.ok() && *more;
      }));
  RETURN_IF_ERROR(status);
  if (!piece.checkpoint().empty() || range->size() == 0) return piece;
  ASSIGN_OR_RETURN(const bool closed, close());
  if (closed) return piece;
  return base::DataLossError("the province's log: no head is kept at size {}",
                             range->size());
}

}  // namespace tongchou::exchange
