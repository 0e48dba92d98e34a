#include "node/write_request.h"

#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "common/records/text_encoding.h"
#include "node/record_index.h"

namespace tongchou::node {
namespace {

// Checks the changes of one request; keeps its memory between them.
class ChangeReader {
 public:
  explicit ChangeReader(const records::RowRules& rules) : rules_(rules) {}

  absl::Status Read(const v1::Change& change, PendingChange* pending);

 private:
  absl::StatusOr<records::RowIssue> Parse(const v1::Change& change);
  absl::StatusOr<records::RowIssue> ParseTexts(const v1::Change& change);

  const records::RowRules rules_;
  std::optional<records::RowParser> parser_;  // of the last change's type
  records::Row typed_;
  records::Row row_;
  std::vector<std::string_view> texts_;
};

// Texts by field, as a file's row has them.
absl::StatusOr<records::RowIssue> ChangeReader::ParseTexts(
    const v1::Change& change) {
  const records::RecordSchema& schema = parser_->schema();
  texts_.assign(schema.fields.size(), {});
  for (const v1::FieldText& text : change.fields()) {
    const records::FieldSchema* field = schema.Find(text.code());
    if (field == nullptr) {
      return base::InvalidArgumentError("{} has no field {}", schema.name,
                                        text.code());
    }
    texts_[field->index] = text.value();
  }
  return parser_->Parse(texts_, std::vector<bool>(texts_.size()), &row_);
}

absl::StatusOr<records::RowIssue> ChangeReader::Parse(
    const v1::Change& change) {
  if (change.message().empty()) return ParseTexts(change);
  typed_.Reset(parser_->schema());
  if (!records::DecodeRecord(change.message(), &typed_).ok()) {
    return base::InvalidArgumentError("its bytes are no {}",
                                      parser_->schema().name);
  }
  return parser_->ParseTyped(typed_, &row_);
}

absl::Status ChangeReader::Read(const v1::Change& change,
                                PendingChange* pending) {
  const records::RecordSchema* schema =
      records::Schema::Get().Find(static_cast<uint32_t>(change.type()));
  if (schema == nullptr || schema->internal) {
    return base::InvalidArgumentError("type {} cannot be written",
                                      static_cast<int>(change.type()));
  }
  if (!parser_.has_value() || &parser_->schema() != schema) {
    parser_.emplace(*schema, rules_);
  }
  ASSIGN_OR_RETURN(const records::RowIssue issue, Parse(change));
  pending->type = static_cast<uint32_t>(schema->type);
  pending->is_delete = change.delete_();
  if (pending->is_delete ? !parser_->key_known() : !issue.code.empty()) {
    return base::InvalidArgumentError(
        "{}{}: {} ({})", schema->name,
        issue.field < 0 ? "" : " " + schema->fields[issue.field].code,
        issue.code, records::IssueText(issue.code));
  }
  records::AppendKey(row_, &pending->key);
  if (pending->is_delete) {
    pending->fingerprint = Fingerprint({});
    return absl::OkStatus();
  }
  pending->record.reserve(change.message().size());
  records::AppendRecord(row_, &pending->record);
  pending->fingerprint = Fingerprint(pending->record);
  if (schema->division >= 0) {
    pending->division = static_cast<uint32_t>(row_.number(schema->division));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckLength(std::string_view what, std::string_view text,
                         size_t characters_max) {
  const size_t characters = records::CountCharacters(text);
  if (characters <= characters_max) return absl::OkStatus();
  return base::InvalidArgumentError(
      "{} has {} characters, {} are the most: shorten it", what, characters,
      characters_max);
}

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
  RETURN_IF_ERROR(CheckLength("staff", request.staff(), kStaffCharactersMax));
  RETURN_IF_ERROR(
      CheckLength("reason_text", request.reason_text(), kReasonCharactersMax));
  RETURN_IF_ERROR(CheckLength("document_number", request.document_number(),
                              kDocumentCharactersMax));
  WriteGroup group;
  group.one_transaction = true;
  group.transaction_id = request.transaction_id();
  group.staff = request.staff();
  group.reason_text = request.reason_text();
  group.document_number = request.document_number();
  ChangeReader reader(rules);
  group.changes.resize(static_cast<size_t>(request.changes_size()));
  for (int i = 0; i < request.changes_size(); ++i) {
    const absl::Status read =
        reader.Read(request.changes(i), &group.changes[i]);
    if (!read.ok()) return base::Annotate(read, fmt::format("change {}", i));
  }
  return group;
}

}  // namespace tongchou::node
