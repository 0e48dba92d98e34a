// Headers and bodies read in place say what protobuf says, where both read
// them; records and keys decode to what encodes to them again.
#include "common/ledger/entry_view.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "common/records/record_view.h"
#include "common/records/schema.h"
#include "tests/fuzz/fuzz.h"
#include "tongchou/v1/ledger.pb.h"

using namespace tongchou;  // NOLINT(google-build-using-namespace)
using fuzz::Require;

namespace {

void ReadHeader(std::string_view bytes) {
  ledger::HeaderView view;
  v1::EntryHeader message;
  if (!ledger::ReadHeader(bytes, &view) ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return;
  }
  Require(view.sequence == message.sequence(), "sequence");
  Require(view.commit_time_us == message.commit_time_us(), "commit_time_us");
  Require(view.type == static_cast<uint32_t>(message.type()), "type");
  Require(view.operation == static_cast<uint32_t>(message.operation()),
          "operation");
  Require(view.receipt == message.receipt(), "receipt");
  Require(view.previous == message.previous(), "previous");
  Require(view.last_of_transaction == message.last_of_transaction(),
          "last_of_transaction");
}

void ReadBody(std::string_view bytes) {
  ledger::BodyView view;
  v1::EntryBody message;
  if (!ledger::ReadBody(bytes, &view) ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return;
  }
  Require(view.key == message.key(), "key");
  Require(view.record == message.record(), "record");
  Require(view.transaction_id == message.transaction_id(), "transaction_id");
}

void ReadRecord(std::string_view key, std::string_view record) {
  const auto type = records::TypeOfKey(key);
  const records::RecordSchema* schema =
      type.has_value() ? records::Schema::Get().Find(*type) : nullptr;
  if (schema == nullptr) return;
  records::Row row(*schema);
  if (!records::DecodeRow(key, record, &row).ok()) return;
  for (size_t field = 0; field < schema->fields.size(); ++field) {
    records::FormatValue(row, static_cast<int>(field));
  }
  std::string again;
  records::AppendRecord(row, &again);
  records::Row row_again(*schema);
  Require(records::DecodeRow(key, again, &row_again).ok(), "decodes again");
  std::string third;
  records::AppendRecord(row_again, &third);
  Require(third == again, "encodes to the same");
  records::PersonOfKey(key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input = fuzz::View(data, size);
  const std::string_view header = fuzz::TakePiece(&input);
  const std::string_view body = fuzz::TakePiece(&input);
  ReadHeader(header);
  ReadBody(body);
  ledger::BodyView view;
  if (ledger::ReadBody(body, &view)) ReadRecord(view.key, view.record);
  const std::string_view key = fuzz::TakePiece(&input);
  ReadRecord(key, fuzz::TakePiece(&input));
  return 0;
}
