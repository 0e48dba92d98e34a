#include "tests/faults/log_content.h"

#include <utility>

#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::faults {
namespace {

absl::Status Silent(std::string_view what, uint64_t sequence) {
  return base::InternalError("silent: {} at entry {}", what, sequence);
}

absl::Status TakeEntry(const ledger::Bundle& bundle, size_t i,
                       LogContent* content) {
  const uint64_t sequence = bundle.first_sequence() + i;
  v1::EntryHeader header;
  v1::EntryBody body;
  const auto bytes = bundle.body(i);
  if (!bytes.has_value() ||
      !header.ParseFromString(std::string(bundle.header(i))) ||
      !body.ParseFromString(std::string(*bytes))) {
    return Silent("no entry", sequence);
  }
  const auto [at, added] = content->records.try_emplace(body.key());
  const uint64_t previous = added ? 0 : at->second.sequence + 1;
  if (header.sequence() != sequence || header.previous() != previous) {
    return Silent("a wrong number or link", sequence);
  }
  at->second = {sequence, header.operation() == v1::OPERATION_DELETE};
  if (header.type() == v1::RECORD_TYPE_IMPORT_RECEIPT) ++content->receipts;
  if (!body.transaction_id().empty() &&
      ++content->transactions[body.transaction_id()] > 1) {
    return Silent("a transaction for the second time", sequence);
  }
  return absl::OkStatus();
}

absl::Status TakeBundle(const ledger::StoredBundle& stored,
                        ledger::CompactRange* range, LogContent* content) {
  ledger::Bundle bundle;
  RETURN_IF_ERROR(bundle.Decode(stored.bytes));
  if (stored.first_sequence != range->size() ||
      bundle.first_sequence() != range->size()) {
    return Silent("a gap", range->size());
  }
  range->Append(bundle.leaf_hashes());
  for (size_t i = 0; i < bundle.count(); ++i) {
    RETURN_IF_ERROR(TakeEntry(bundle, i, content));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LogContent> ReadLog(const ledger::LogStore& log) {
  LogContent content;
  ledger::CompactRange range;
  absl::Status status;
  RETURN_IF_ERROR(log.ReadBundles(0, [&](ledger::StoredBundle&& stored) {
    status = TakeBundle(stored, &range, &content);
    return status.ok();
  }));
  RETURN_IF_ERROR(status);
  if (range != log.Head().range) return Silent("another tree", range.size());
  for (const auto& [id, times] : content.transactions) {
    ASSIGN_OR_RETURN(const auto size, log.FindTransaction(id));
    if (!size.has_value()) return Silent(id, 0);
  }
  return content;
}

absl::Status CityCopy::Take(const ledger::LogStore& log,
                            const ledger::LogHead& head) {
  ledger::CompactRange range = range_;
  ledger::Bundle bundle;
  absl::Status status;
  RETURN_IF_ERROR(
      log.ReadBundles(range.size(), [&](ledger::StoredBundle&& stored) {
        status = bundle.Decode(stored.bytes);
        if (!status.ok()) return false;
        if (stored.first_sequence != range.size()) {
          status = base::AbortedError("the batch does not begin at {}",
                                      range.size());
          return false;
        }
        range.Append(bundle.leaf_hashes());
        return range.size() < head.size();
      }));
  RETURN_IF_ERROR(status);
  if (range.Root() != head.range.Root()) {
    return base::DataLossError("the batch's root is not the signed one");
  }
  range_ = std::move(range);
  return absl::OkStatus();
}

}  // namespace tongchou::faults
