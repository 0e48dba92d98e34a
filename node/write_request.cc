#include "node/write_request.h"

#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "node/record_index.h"

namespace tongchou::node {
namespace {

// Texts by field, as a file's row has them.
absl::StatusOr<std::vector<std::string>> TextsOf(
    const v1::Change& change, const records::RecordSchema& schema) {
  std::vector<std::string> texts(schema.fields.size());
  if (!change.message().empty()) {
    records::Row row(schema);
    if (!records::DecodeRecord(change.message(), &row).ok()) {
      return base::InvalidArgumentError("its bytes are no {}", schema.name);
    }
    for (const records::FieldSchema& field : schema.fields) {
      texts[field.index] = records::FormatValue(row, field.index);
    }
    return texts;
  }
  for (const v1::FieldText& text : change.fields()) {
    const records::FieldSchema* field = schema.Find(text.code());
    if (field == nullptr) {
      return base::InvalidArgumentError("{} has no field {}", schema.name,
                                        text.code());
    }
    texts[field->index] = text.value();
  }
  return texts;
}

absl::StatusOr<PendingChange> ToChange(const v1::Change& change,
                                       const records::RowRules& rules) {
  const records::RecordSchema* schema =
      records::Schema::Get().Find(static_cast<uint32_t>(change.type()));
  if (schema == nullptr || schema->internal) {
    return base::InvalidArgumentError("type {} cannot be written",
                                      static_cast<int>(change.type()));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> texts,
                   TextsOf(change, *schema));
  records::RowParser parser(*schema, rules);
  records::Row row;
  const records::RowIssue issue = parser.Parse(
      {texts.begin(), texts.end()}, std::vector<bool>(texts.size()), &row);
  PendingChange pending;
  pending.type = static_cast<uint32_t>(schema->type);
  pending.is_delete = change.delete_();
  if (pending.is_delete ? !parser.key_known() : !issue.code.empty()) {
    return base::InvalidArgumentError(
        "{}{}: {} ({})", schema->name,
        issue.field < 0 ? "" : " " + schema->fields[issue.field].code,
        issue.code, records::IssueText(issue.code));
  }
  records::AppendKey(row, &pending.key);
  if (!pending.is_delete) records::AppendRecord(row, &pending.record);
  pending.fingerprint = Fingerprint(pending.record);
  if (pending.is_delete) return pending;
  if (schema->division >= 0) {
    pending.division = static_cast<uint32_t>(row.number(schema->division));
  }
  return pending;
}

}  // namespace

absl::StatusOr<WriteGroup> ToWriteGroup(const v1::WriteRequest& request,
                                        const records::RowRules& rules) {
  if (request.transaction_id().empty() ||
      request.transaction_id().size() > kTransactionIdBytesMax) {
    return base::InvalidArgumentError("transaction_id must have 1 to {} bytes",
                                      kTransactionIdBytesMax);
  }
  if (request.changes().empty() ||
      request.changes_size() >
          static_cast<int>(ledger::kTransactionChangesMax)) {
    return base::ResourceExhaustedError(
        "a transaction has 1 to {} changes, this one {}",
        ledger::kTransactionChangesMax, request.changes_size());
  }
  WriteGroup group;
  group.one_transaction = true;
  group.transaction_id = request.transaction_id();
  group.staff = request.staff();
  group.reason_text = request.reason_text();
  group.document_number = request.document_number();
  for (int i = 0; i < request.changes_size(); ++i) {
    auto change = ToChange(request.changes(i), rules);
    if (!change.ok()) {
      return base::Annotate(change.status(), fmt::format("change {}", i));
    }
    group.changes.push_back(*std::move(change));
  }
  return group;
}

}  // namespace tongchou::node
