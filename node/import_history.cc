#include "node/import_history.h"

#include "common/base/big_endian.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/records/record_key.h"
#include "node/local_facts.h"
#include "node/record_index.h"

namespace tongchou::node {
namespace {

constexpr size_t kFactBytes = 32 + 8 + 4 + 4;

bool InCommand(const ImportFact& fact, uint64_t receipt) {
  return receipt >= fact.first_receipt &&
         receipt < uint64_t{fact.first_receipt} + fact.files;
}

absl::StatusOr<v1::ChangeResult> ResultOf(const v1::EntryHeader& header,
                                          RecordReader* reader) {
  if (header.operation() != v1::OPERATION_UPSERT) {
    return v1::CHANGE_RESULT_DELETED;
  }
  if (header.previous() == 0) return v1::CHANGE_RESULT_INSERTED;
  ASSIGN_OR_RETURN(const StoredEntry before,
                   reader->ReadEntry(header.previous() - 1));
  return before.header.operation() == v1::OPERATION_UPSERT
             ? v1::CHANGE_RESULT_UPDATED
             : v1::CHANGE_RESULT_INSERTED;
}

absl::Status TakeReceipt(const StoredEntry& entry, ImportPast* past) {
  v1::ImportReceipt receipt;
  if (!receipt.ParseFromString(entry.body.record())) {
    return base::DataLossError("log: receipt in entry {} cannot be read",
                               entry.header.sequence());
  }
  records::Row row(records::Schema::Get().At(v1::RECORD_TYPE_IMPORT_RECEIPT));
  RETURN_IF_ERROR(records::DecodeKey(entry.body.key(), &row));
  const auto number = static_cast<uint32_t>(row.number(0));
  receipt.set_number(number);
  ImportPast::OneFile& file = past->files[number];
  file.receipt = std::move(receipt);
  file.receipt_sequence = entry.header.sequence();
  return absl::OkStatus();
}

absl::Status TakeEntry(const StoredEntry& entry, RecordReader* reader,
                       ImportPast* past) {
  if (entry.header.type() == v1::RECORD_TYPE_IMPORT_RECEIPT) {
    return TakeReceipt(entry, past);
  }
  ASSIGN_OR_RETURN(const v1::ChangeResult result,
                   ResultOf(entry.header, reader));
  ImportPast::OneFile& file =
      past->files[static_cast<uint32_t>(entry.header.receipt())];
  if (result == v1::CHANGE_RESULT_DELETED) {
    ++file.deleted;
    return absl::OkStatus();
  }
  ++(result == v1::CHANGE_RESULT_INSERTED ? file.inserted : file.updated);
  file.rows[entry.body.key()] = {Fingerprint(entry.body.record()), result};
  return absl::OkStatus();
}

}  // namespace

std::string ImportFact::Encode() const {
  std::string bytes = command_sha256;
  base::AppendBigEndian<8>(start_size, &bytes);
  base::AppendBigEndian<4>(first_receipt, &bytes);
  base::AppendBigEndian<4>(files, &bytes);
  return bytes += begin;
}

absl::StatusOr<ImportFact> ImportFact::Decode(const std::string& bytes) {
  if (bytes.size() < kFactBytes) {
    return base::DataLossError("log: the note of the last import is cut");
  }
  const std::string_view view = bytes;
  ImportFact fact;
  fact.command_sha256 = view.substr(0, 32);
  fact.start_size = base::ReadBigEndian(view.substr(32, 8));
  fact.first_receipt =
      static_cast<uint32_t>(base::ReadBigEndian(view.substr(40, 4)));
  fact.files = static_cast<uint32_t>(base::ReadBigEndian(view.substr(44, 4)));
  fact.begin = view.substr(kFactBytes);
  return fact;
}

std::string CommandSha256(const v1::ImportBegin& begin) {
  return std::string(base::Sha256(begin.SerializeAsString()).view());
}

absl::StatusOr<ImportPast> ReadImportPast(const ImportFact& fact,
                                          const ledger::LogStore& log,
                                          RecordReader* reader) {
  ImportPast past;
  absl::Status status;
  ledger::Bundle bundle;
  StoredEntry entry;
  const auto take = [&](size_t i) -> absl::Status {
    if (bundle.first_sequence() + i < fact.start_size) return absl::OkStatus();
    const auto body = bundle.body(i);
    const std::string_view header = bundle.header(i);
    if (!body.has_value() ||
        !entry.header.ParseFromArray(header.data(),
                                     static_cast<int>(header.size())) ||
        !entry.body.ParseFromArray(body->data(),
                                   static_cast<int>(body->size()))) {
      return base::DataLossError("log: entry {} cannot be read",
                                 bundle.first_sequence() + i);
    }
    if (!InCommand(fact, entry.header.receipt())) return absl::OkStatus();
    return TakeEntry(entry, reader, &past);
  };
  RETURN_IF_ERROR(
      log.ReadBundles(fact.start_size, [&](ledger::StoredBundle&& stored) {
        status = bundle.Decode(stored.bytes);
        for (size_t i = 0; status.ok() && i < bundle.count(); ++i) {
          status = take(i);
        }
        return status.ok();
      }));
  RETURN_IF_ERROR(status);
  return past;
}

absl::StatusOr<uint32_t> NextReceipt(const ledger::LogStore& log) {
  ASSIGN_OR_RETURN(const uint64_t last, ReadNumberFact(log, kReceiptsFact));
  return static_cast<uint32_t>(last) + 1;
}

}  // namespace tongchou::node
