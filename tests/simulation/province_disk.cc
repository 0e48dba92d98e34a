#include "tests/simulation/province_disk.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/entry_view.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::simulation {
namespace {

// The log behind the batch.
absl::StatusOr<Log> Continue(const aggregator::JournalBatch& batch,
                             const Log& held) {
  Log log = held;
  ledger::Bundle bundle;
  for (const exchange::VerifiedBatch::Piece& piece : batch.batch.bundles) {
    RETURN_IF_ERROR(bundle.Decode(piece.bytes));
    if (piece.first_sequence != log.size() || bundle.count() != piece.count) {
      return base::InternalError("city {}: a bundle at {} behind {} entries",
                                 batch.city, piece.first_sequence, log.size());
    }
    log.Append({piece.first_sequence, piece.bytes, bundle.leaf_hashes()});
  }
  if (log.range != batch.batch.range) {
    return base::InternalError("city {}: another tree at size {}", batch.city,
                               log.size());
  }
  log.key_changes.insert(log.key_changes.end(), batch.batch.key_changes.begin(),
                         batch.batch.key_changes.end());
  return log;
}

void FillRange(uint32_t city, uint64_t from, const ledger::CompactRange& held,
               v1::CityRange* range) {
  range->set_city(city);
  range->set_from(from);
  range->set_to(held.size());
  range->set_root(std::string(held.Root().view()));
}

void TakeBatch(const aggregator::JournalBatch& batch, HeldCity* held) {
  exchange::CityCopy& copy = held->copy;
  copy.range = held->log.range;
  copy.last_commit_time_us = batch.batch.last_commit_time_us;
  copy.checkpoint = batch.cosigned_checkpoint;
  if (batch.incarnation_counter > copy.incarnation_counter) {
    copy.incarnation_counter = batch.incarnation_counter;
    copy.incarnation_nonce = batch.incarnation_nonce;
  }
  held->notes[held->log.size()] = batch.cosigned_checkpoint;
}

// The receipts among the entries.
absl::StatusOr<std::vector<v1::GroupReceipt>> ReceiptsIn(
    const ledger::GroupCommit& commit) {
  std::vector<v1::GroupReceipt> receipts;
  ledger::Bundle bundle;
  for (const ledger::GroupCommit::EncodedBundle& one : commit.bundles) {
    RETURN_IF_ERROR(bundle.Decode(one.bytes));
    for (size_t i = 0; i < bundle.count(); ++i) {
      v1::EntryHeader header;
      v1::EntryBody body;
      if (!header.ParseFromString(std::string(bundle.header(i))) ||
          !body.ParseFromString(std::string(*bundle.body(i)))) {
        return base::DataLossError("an entry is no message");
      }
      if (static_cast<int>(header.type()) !=
          v1::PROVINCE_RECORD_TYPE_GROUP_RECEIPT) {
        continue;
      }
      if (!receipts.emplace_back().ParseFromString(body.record())) {
        return base::DataLossError("a receipt is no message");
      }
    }
  }
  return receipts;
}

}  // namespace

void ApplyEntries(const ledger::Bundle& bundle, size_t from, HeldCity* held) {
  for (size_t k = from; k < bundle.count(); ++k) {
    ledger::BodyView body;
    TONGCHOU_CHECK(ledger::ReadBody(*bundle.body(k), &body));
    held->state[std::string(body.key)] = body.record;
    ++held->counter;
  }
}

absl::Status ProvinceDisk::Refill(const ledger::GroupCommit& commit) {
  if (commit.bundles.empty() ||
      commit.bundles[0].first_sequence != own_log_.Head().size()) {
    return base::AbortedError("what came back does not continue the log");
  }
  ASSIGN_OR_RETURN(const auto receipts, ReceiptsIn(commit));
  uint64_t last = last_ordinal_;
  for (const v1::GroupReceipt& receipt : receipts) {
    const bool first = last == 0 && receipt.ordinal() > 0;
    if (!first && receipt.ordinal() != last + 1) {
      return base::DataLossError("group {} came back behind group {}",
                                 receipt.ordinal(), last);
    }
    last = receipt.ordinal();
  }
  last_ordinal_ = last;
  for (const v1::GroupReceipt& receipt : receipts) {
    for (const v1::CityRange& range : receipt.ranges()) {
      uint64_t& receipted = cities_[range.city()].receipted;
      receipted = std::max<uint64_t>(receipted, range.to());
    }
  }
  return own_log_.Append(commit);
}

absl::StatusOr<v1::GroupReceipt> ProvinceDisk::AppendBatches(
    const std::vector<aggregator::JournalBatch>& batches) {
  std::map<uint32_t, HeldCity> changed;
  for (const aggregator::JournalBatch& batch : batches) {
    HeldCity& held =
        changed.try_emplace(batch.city, Held(batch.city)).first->second;
    ASSIGN_OR_RETURN(held.log, Continue(batch, held.log));
    TakeBatch(batch, &held);
  }
  v1::GroupReceipt receipt;
  receipt.set_ordinal(++last_ordinal_);
  for (auto& [city, held] : changed) {
    const uint64_t before = cities_[city].log.size();
    const uint64_t covered = std::max(before, held.receipted);
    const ledger::CompactRange& range = held.log.range;
    if (before < covered) FillRange(city, before, range, receipt.add_again());
    if (before == covered || range.size() > covered) {
      FillRange(city, covered, range, receipt.add_ranges());
    }
    cities_[city] = std::move(held);
  }
  return receipt;
}

void ProvinceDisk::AppendEntries(
    const std::vector<aggregator::OwnEntry>& entries, int64_t now_us) {
  ledger::BundleWriter writer;
  const auto commit =
      aggregator::MakeOwnCommit(own_log_.Head(), entries, now_us, &writer);
  TONGCHOU_CHECK(own_log_.Append(commit).ok());
}

absl::Status ProvinceDisk::Append(
    const std::vector<aggregator::JournalBatch>& batches,
    std::vector<aggregator::OwnEntry> entries, int64_t now_us) {
  if (!batches.empty()) {
    ASSIGN_OR_RETURN(const auto receipt, AppendBatches(batches));
    entries.insert(entries.begin(), aggregator::ReceiptEntry(receipt));
  }
  AppendEntries(entries, now_us);
  return absl::OkStatus();
}

}  // namespace tongchou::simulation
