#include "node/import_session.h"

#include <algorithm>
#include <deque>
#include <future>
#include <optional>
#include <set>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/base/big_endian.h"
#include "common/base/hash128.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/records/csv_reader.h"
#include "common/records/division.h"
#include "common/records/file_reader.h"
#include "common/records/profile.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "node/import_history.h"
#include "node/import_tally.h"
#include "node/local_facts.h"
#include "node/write_request.h"

namespace tongchou::node {
namespace {

constexpr int64_t kProgressRows = 20'000;
// Rows are longer than this; what is reserved for a file comes from it.
constexpr uint64_t kRowBytesGuess = 80;
constexpr uint64_t kRowsReservedMax = 4'000'000;

// What the command has met under a key, in eight bytes: there are as many of
// them as rows.
struct Seen {
  uint64_t fingerprint : 63 = 0;
  uint64_t accepted : 1 = 0;
};
constexpr uint64_t kSeenMask = ~uint64_t{0} >> 1;

PendingChange ReceiptChange(const v1::ImportReceipt& receipt) {
  records::Row row(records::Schema::Get().At(v1::RECORD_TYPE_IMPORT_RECEIPT));
  row.SetNumber(0, receipt.number());
  v1::ImportReceipt without_key = receipt;
  without_key.clear_number();
  PendingChange change;
  change.type = v1::RECORD_TYPE_IMPORT_RECEIPT;
  change.key = records::KeyOf(row);
  change.record = without_key.SerializeAsString();
  change.fingerprint = Fingerprint(change.record);
  change.receipt = receipt.number();
  return change;
}

// Name, size, hash, type and mode of one file of a command.
void DescribeFile(const v1::ImportBegin& command, uint32_t index,
                  v1::ImportReceipt* receipt) {
  if (index >= static_cast<uint32_t>(command.files_size())) return;
  const v1::ImportFile& file = command.files(static_cast<int>(index));
  const records::RecordSchema* schema =
      records::Schema::Get().Find(file.type());
  if (schema != nullptr) receipt->set_type(schema->type);
  receipt->set_file_name(file.name());
  receipt->set_file_bytes(file.bytes());
  receipt->set_file_sha256(file.sha256());
  receipt->set_mode(command.mode());
}

class Session final : public ImportSession {
 public:
  Session(const ImportContext& context, const ImportCaller& caller,
          const v1::ImportBegin& begin, Send send)
      : context_(context),
        caller_(caller),
        begin_(begin),
        send_(std::move(send)),
        csv_([this](const records::CsvRecord& record) { TakeRecord(record); }) {
  }

  absl::Status Open();
  absl::Status Data(std::string_view bytes) override;
  absl::Status Finish() override;

 private:
  struct InFlight {
    std::future<absl::StatusOr<CommitOutcome>> outcome;
  };

  // The command.
  absl::Status CheckManifest();
  absl::Status EndInterrupted(const ImportFact& fact);
  absl::Status StartCommand();

  // The current file.
  const v1::ImportFile& file() const { return begin_.files(file_index_); }
  uint32_t receipt_number() const {
    return fact_.first_receipt + static_cast<uint32_t>(file_index_);
  }
  absl::Status StartFile();
  absl::Status EndFile();
  absl::Status EndFinishedFile();
  absl::Status WriteReceipt(const v1::ImportReceipt& receipt);
  v1::ImportReceipt NewReceipt(v1::ImportOutcome outcome) const;
  void SendDone(const v1::ImportReceipt& receipt);
  absl::Status FeedFile(std::string_view bytes);

  // Rows.
  void TakeRecord(const records::CsvRecord& record);
  void TakeRow(const records::CsvRecord& record);
  void Reject(const records::CsvRecord& record, const records::RowIssue& issue);
  absl::StatusOr<bool> IsAnotherPerson(const PendingChange& change);
  void AcceptRow(const records::CsvRecord& record);
  absl::Status SubmitGroup();
  absl::Status Drain(size_t groups_left);
  absl::Status CommitAtomicFile();
  void SendRejected(bool all);
  void SendProgress();

  // Snapshots.
  bool IsLastOfType() const;
  absl::Status DeleteAbsent();
  absl::Status CollectAbsent(
      std::vector<std::pair<uint64_t, std::string>>* out);

  const ImportContext context_;
  const ImportCaller caller_;
  const v1::ImportBegin begin_;
  const Send send_;
  records::Profile profile_;
  records::Encoding encoding_ = records::Encoding::kGb18030;
  ImportFact fact_;
  ImportPast past_;
  int64_t file_started_us_ = 0;

  int file_index_ = 0;
  uint64_t file_bytes_ = 0;
  base::Sha256Stream file_hash_;
  bool skip_file_ = false;  // finished by an earlier try
  bool header_read_ = false;
  std::string first_bytes_;  // until a byte order mark is ruled out
  bool mark_decided_ = false;
  std::string header_raw_;
  std::optional<records::Refusal> refusal_;
  const records::RecordSchema* schema_ = nullptr;
  std::unique_ptr<records::FileReader> reader_;
  std::unique_ptr<ImportTally> tally_;
  records::CsvReader csv_;
  records::Row row_;
  int64_t rows_since_progress_ = 0;
  absl::Status row_error_;

  // Of the current record type, over all its files.
  std::string seen_type_;
  absl::flat_hash_map<base::Hash128, Seen> seen_;
  std::set<uint32_t> counties_;
  bool type_refused_ = false;

  WriteGroup group_;
  std::deque<InFlight> in_flight_;
  v1::ImportResponse rejected_;
};

absl::Status Session::CheckManifest() {
  if (begin_.files_size() == 0 || begin_.files_size() > kImportFilesMax) {
    return base::InvalidArgumentError("an import has 1 to {} files",
                                      kImportFilesMax);
  }
  RETURN_IF_ERROR(CheckLength("staff", begin_.staff(), kStaffCharactersMax));
  for (const v1::ImportFile& one : begin_.files()) {
    RETURN_IF_ERROR(
        CheckLength("a file's name", one.name(), kFileNameCharactersMax));
    const records::RecordSchema* schema =
        records::Schema::Get().Find(one.type());
    if (schema == nullptr || schema->internal) {
      return base::InvalidArgumentError(
          "{}: '{}' is no record type that can be imported", one.name(),
          one.type());
    }
  }
  for (const uint32_t county : begin_.scope()) {
    if (!records::Divisions::Get().BelongsTo(county, context_.city)) {
      return base::InvalidArgumentError("scope: {} is no division of this node",
                                        county);
    }
  }
  ASSIGN_OR_RETURN(profile_, records::ParseProfile(begin_.profile()));
  const std::string encoding =
      begin_.encoding().empty() ? profile_.encoding : begin_.encoding();
  ASSIGN_OR_RETURN(encoding_, records::ParseEncoding(encoding));
  return absl::OkStatus();
}

absl::Status Session::Open() {
  RETURN_IF_ERROR(CheckManifest());
  ASSIGN_OR_RETURN(const auto bytes, context_.log->GetLocalFact(kImportFact));
  if (bytes.has_value()) {
    ASSIGN_OR_RETURN(fact_, ImportFact::Decode(*bytes));
    if (fact_.command_sha256 == CommandSha256(begin_)) {
      ASSIGN_OR_RETURN(past_,
                       ReadImportPast(fact_, *context_.log, context_.reader));
    } else {
      RETURN_IF_ERROR(EndInterrupted(fact_));
      RETURN_IF_ERROR(StartCommand());
    }
  } else {
    RETURN_IF_ERROR(StartCommand());
  }
  group_.reason = v1::REASON_IMPORT;
  group_.actor = caller_.actor;
  return StartFile();
}

absl::Status Session::StartCommand() {
  ASSIGN_OR_RETURN(const uint32_t next, NextReceipt(*context_.log));
  fact_ = {CommandSha256(begin_), context_.log->Head().size(), next,
           static_cast<uint32_t>(begin_.files_size()),
           begin_.SerializeAsString()};
  WriteGroup group;
  group.local_facts = {
      {kImportFact, fact_.Encode()},
      {kReceiptsFact, NumberFact(fact_.first_receipt + fact_.files - 1)}};
  return context_.sequencer->Commit(std::move(group)).status();
}

// Files of another command that had begun and have no receipt get one.
absl::Status Session::EndInterrupted(const ImportFact& fact) {
  ASSIGN_OR_RETURN(const ImportPast past,
                   ReadImportPast(fact, *context_.log, context_.reader));
  v1::ImportBegin command;
  if (!command.ParseFromString(fact.begin)) {
    return base::DataLossError("log: the note of the last import is cut");
  }
  WriteGroup group;
  group.reason = v1::REASON_RECEIPT;
  group.actor = caller_.actor;
  const ledger::LogHead head = context_.log->Head();
  for (const auto& [number, one] : past.files) {
    if (one.receipt.has_value()) continue;
    v1::ImportReceipt receipt;
    receipt.set_number(number);
    receipt.set_outcome(v1::IMPORT_OUTCOME_INTERRUPTED);
    DescribeFile(command, number - fact.first_receipt, &receipt);
    receipt.set_operator_(caller_.name);
    receipt.set_command_sha256(fact.command_sha256);
    receipt.set_rows_read(one.inserted + one.updated);
    receipt.set_rows_inserted(one.inserted);
    receipt.set_rows_updated(one.updated);
    receipt.set_rows_deleted(one.deleted);
    receipt.set_ended_us(
        context_.clock->TimeOf(head.size(), head.last_commit_time_us));
    group.changes.push_back(ReceiptChange(receipt));
  }
  group.local_facts = {{kImportFact, std::nullopt}};
  return context_.sequencer->Commit(std::move(group)).status();
}

absl::Status Session::StartFile() {
  if (file_index_ == begin_.files_size()) return absl::OkStatus();
  const ledger::LogHead head = context_.log->Head();
  file_started_us_ =
      context_.clock->TimeOf(head.size(), head.last_commit_time_us);
  file_bytes_ = 0;
  file_hash_ = base::Sha256Stream();
  header_read_ = false;
  mark_decided_ = false;
  first_bytes_.clear();
  header_raw_.clear();
  refusal_.reset();
  schema_ = records::Schema::Get().Find(file().type());
  if (file().type() != seen_type_) {
    seen_type_ = file().type();
    seen_.clear();
    counties_.clear();
    type_refused_ = false;
  }
  const uint64_t rows =
      std::min(file().bytes() / kRowBytesGuess, kRowsReservedMax);
  seen_.reserve(seen_.size() + rows);
  context_.index->Expect(rows);
  tally_ = std::make_unique<ImportTally>(*schema_);
  row_error_ = absl::OkStatus();
  rows_since_progress_ = 0;
  const auto past = past_.files.find(receipt_number());
  skip_file_ = past != past_.files.end() && past->second.receipt.has_value();
  if (past != past_.files.end() && !skip_file_ && file_index_ > 0) {
    const auto before = past_.files.find(receipt_number() - 1);
    if (before != past_.files.end() && before->second.receipt.has_value()) {
      file_started_us_ =
          context_.clock->TimeOf(before->second.receipt_sequence + 1,
                                 before->second.receipt->ended_us());
    }
  } else if (past != past_.files.end() && !skip_file_) {
    file_started_us_ = context_.clock->TimeOf(fact_.start_size, 0);
  }
  return file().bytes() == 0 ? EndFile() : absl::OkStatus();
}

absl::Status Session::Data(std::string_view bytes) {
  while (!bytes.empty()) {
    if (file_index_ == begin_.files_size()) {
      return base::InvalidArgumentError("bytes behind the last file");
    }
    const size_t take =
        std::min<uint64_t>(bytes.size(), file().bytes() - file_bytes_);
    const std::string_view piece = bytes.substr(0, take);
    bytes.remove_prefix(take);
    file_bytes_ += take;
    file_hash_.Update(piece);
    RETURN_IF_ERROR(FeedFile(piece));
    if (file_bytes_ == file().bytes()) RETURN_IF_ERROR(EndFile());
  }
  return absl::OkStatus();
}

absl::Status Session::FeedFile(std::string_view bytes) {
  if (!mark_decided_) {
    first_bytes_ += bytes;
    const std::string_view mark = records::kUtf8ByteOrderMark;
    if (first_bytes_.size() < mark.size() && file_bytes_ < file().bytes()) {
      return absl::OkStatus();
    }
    mark_decided_ = true;
    records::FileRules rules;
    rules.row = {context_.city, context_.clock->Today(), context_.synthetic};
    rules.encoding = encoding_;
    rules.ignore_unknown = begin_.ignore_unknown();
    bytes = first_bytes_;
    if (bytes.starts_with(mark)) {
      rules.encoding = records::Encoding::kUtf8;
      bytes.remove_prefix(mark.size());
    }
    reader_ = std::make_unique<records::FileReader>(*schema_, rules,
                                                    profile_.Of(file().type()));
  }
  if (!refusal_.has_value()) csv_.Feed(bytes);
  return row_error_;
}

void Session::TakeRecord(const records::CsvRecord& record) {
  if (refusal_.has_value() || !row_error_.ok()) return;
  if (!header_read_) {
    header_read_ = true;
    header_raw_ = record.raw;
    refusal_ = reader_->ReadHeader(record);
    return;
  }
  TakeRow(record);
  if (++rows_since_progress_ >= kProgressRows) SendProgress();
}

void Session::TakeRow(const records::CsvRecord& record) {
  const records::RowIssue issue = reader_->ReadRow(record, &row_);
  if (!issue.code.empty()) return Reject(record, issue);
  AcceptRow(record);
}

absl::StatusOr<bool> Session::IsAnotherPerson(const PendingChange& change) {
  std::vector<int> identity;
  for (const records::FieldSchema& field : schema_->fields) {
    if (field.identity) identity.push_back(field.index);
  }
  if (identity.empty() || begin_.confirm_identity()) return false;
  ASSIGN_OR_RETURN(const auto state, context_.index->Find(change.key));
  if (!state.has_value() ||
      (!state->deleted && state->fingerprint == Fingerprint(change.record))) {
    return false;
  }
  // What this command wrote itself is not what stood before it.
  StoredEntry before;
  for (uint64_t next = state->sequence + 1;; next = before.header.previous()) {
    if (next == 0) return false;
    ASSIGN_OR_RETURN(before, context_.reader->ReadEntry(next - 1));
    if (before.header.sequence() < fact_.start_size) break;
  }
  if (before.header.operation() != v1::OPERATION_UPSERT) return false;
  records::Row stored(*schema_);
  RETURN_IF_ERROR(records::DecodeRecord(before.body.record(), &stored));
  return std::all_of(identity.begin(), identity.end(), [&](int field) {
    return records::FormatValue(row_, field) !=
           records::FormatValue(stored, field);
  });
}

void Session::Reject(const records::CsvRecord& record,
                     const records::RowIssue& issue) {
  tally_->Rejected(issue.code);
  if (reader_->parser().key_known() &&
      begin_.mode() == v1::IMPORT_MODE_SNAPSHOT) {
    seen_.try_emplace(base::Hash128Of(records::KeyOf(row_)));
  }
  v1::RejectedRow* row = rejected_.add_rejected();
  row->set_line(record.line);
  if (issue.field >= 0) {
    row->set_column(schema_->fields[issue.field].code);
    row->set_value(reader_->ValueAsRead(record, issue.field));
  }
  row->set_code(std::string(issue.code));
  row->set_text(records::IssueText(issue.code));
  row->set_raw(std::string(record.raw));
  SendRejected(/*all=*/false);
}

void Session::AcceptRow(const records::CsvRecord& record) {
  PendingChange change;
  records::AppendKey(row_, &change.key);
  records::AppendRecord(row_, &change.record);
  change.fingerprint = Fingerprint(change.record);
  const uint64_t fingerprint = change.fingerprint;
  const uint64_t seen_fingerprint = fingerprint & kSeenMask;
  const auto other = IsAnotherPerson(change);
  if (!other.ok()) {
    row_error_ = other.status();
    return;
  }
  if (*other) return Reject(record, {"IDENTITY", -1});
  Seen& seen = seen_[base::Hash128Of(change.key)];
  if (seen.accepted && seen.fingerprint != seen_fingerprint) {
    return Reject(record, {"DUPLICATE", -1});
  }
  tally_->Accepted(row_, reader_->parser());
  if (schema_->division >= 0) {
    change.division = static_cast<uint32_t>(row_.number(schema_->division));
    counties_.insert(records::Divisions::Get().CurrentCode(change.division));
  }
  if (seen.accepted) return tally_->Result(v1::CHANGE_RESULT_UNCHANGED);
  seen.fingerprint = seen_fingerprint;
  seen.accepted = 1;
  const auto past = past_.files.find(receipt_number());
  if (past != past_.files.end()) {
    const auto written = past->second.rows.find(change.key);
    if (written != past->second.rows.end() &&
        written->second.fingerprint == fingerprint) {
      return tally_->Result(written->second.result);
    }
  }
  // An earlier try has ended this file; its rows only fill `seen_`.
  if (skip_file_) return;
  change.type = static_cast<uint32_t>(schema_->type);
  change.receipt = receipt_number();
  change.line = record.line;
  group_.changes.push_back(std::move(change));
  if (group_.changes.size() >= kImportGroupRows && !begin_.atomic()) {
    row_error_ = SubmitGroup();
  }
}

absl::Status Session::SubmitGroup() {
  if (group_.changes.empty()) return absl::OkStatus();
  WriteGroup next;
  next.reason = group_.reason;
  next.actor = group_.actor;
  next.staff = begin_.staff();
  std::swap(next, group_);
  in_flight_.push_back({context_.sequencer->Submit(std::move(next))});
  return Drain(kImportGroupsMax);
}

absl::Status Session::Drain(size_t groups_left) {
  while (in_flight_.size() > groups_left) {
    const auto outcome = in_flight_.front().outcome.get();
    in_flight_.pop_front();
    RETURN_IF_ERROR(outcome.status());
    for (const v1::ChangeResult result : outcome->results) {
      tally_->Result(result);
    }
  }
  return absl::OkStatus();
}

absl::Status Session::CommitAtomicFile() {
  if (group_.changes.empty()) return absl::OkStatus();
  group_.one_transaction = true;
  const absl::Status status = SubmitGroup();
  group_.one_transaction = false;
  RETURN_IF_ERROR(status);
  const absl::Status drained = Drain(0);
  if (absl::IsResourceExhausted(drained)) {
    return base::FailedPreconditionError(
        "{}: too large for one transaction; import it without --atomic ({})",
        file().name(), base::Message(drained));
  }
  return drained;
}

void Session::SendRejected(bool all) {
  if (rejected_.rejected_size() == 0) return;
  if (!all && rejected_.rejected_size() < kRejectedPerResponse) return;
  send_(rejected_);
  rejected_.Clear();
}

void Session::SendProgress() {
  rows_since_progress_ = 0;
  v1::ImportResponse response;
  v1::ImportProgress* progress = response.mutable_progress();
  progress->set_file(static_cast<uint32_t>(file_index_));
  progress->set_rows_read(tally_->rows_read());
  progress->set_bytes_read(file_bytes_);
  send_(response);
}

bool Session::IsLastOfType() const {
  return file_index_ + 1 == begin_.files_size() ||
         begin_.files(file_index_ + 1).type() != file().type();
}

absl::Status Session::CollectAbsent(
    std::vector<std::pair<uint64_t, std::string>>* out) {
  std::set<uint32_t> scope = counties_;
  if (begin_.scope_size() > 0) {
    scope.clear();
    for (const uint32_t county : begin_.scope()) {
      scope.insert(records::Divisions::Get().CurrentCode(county));
    }
  }
  const auto type = static_cast<uint32_t>(schema_->type);
  return context_.index->Scan(
      [&](std::string_view key, const RecordState& state) {
        if (state.deleted || records::TypeOfKey(key) != type) return;
        if (schema_->division >= 0 &&
            !scope.contains(
                records::Divisions::Get().CurrentCode(state.division))) {
          return;
        }
        if (!seen_.contains(base::Hash128Of(key))) {
          out->emplace_back(state.sequence, std::string(key));
        }
      });
}

absl::Status Session::DeleteAbsent() {
  std::vector<std::pair<uint64_t, std::string>> absent;
  RETURN_IF_ERROR(CollectAbsent(&absent));
  std::sort(absent.begin(), absent.end());
  const auto past = past_.files.find(receipt_number());
  if (past != past_.files.end()) {
    tally_->Result(v1::CHANGE_RESULT_DELETED, past->second.deleted);
  }
  group_.reason = v1::REASON_SNAPSHOT_ABSENT;
  absl::Status status;
  for (auto& [sequence, key] : absent) {
    PendingChange change;
    change.type = static_cast<uint32_t>(schema_->type);
    change.is_delete = true;
    change.fingerprint = Fingerprint({});
    change.key = std::move(key);
    change.receipt = receipt_number();
    group_.changes.push_back(std::move(change));
    if (group_.changes.size() < kImportGroupRows) continue;
    status = SubmitGroup();
    if (!status.ok()) break;
  }
  if (status.ok()) status = SubmitGroup();
  if (status.ok()) status = Drain(0);
  group_.reason = v1::REASON_IMPORT;
  return status;
}

absl::Status Session::EndFile() {
  if (!mark_decided_) RETURN_IF_ERROR(FeedFile({}));
  csv_.Finish();
  csv_ = records::CsvReader(
      [this](const records::CsvRecord& record) { TakeRecord(record); });
  RETURN_IF_ERROR(row_error_);
  if (file_hash_.Finish().view() != file().sha256()) {
    return base::DataLossError(
        "{}: its bytes are not those announced; was it changed meanwhile?",
        file().name());
  }
  if (!header_read_) {
    refusal_ = records::Refusal{"EMPTY", "the file has no header"};
  }
  type_refused_ = type_refused_ || refusal_.has_value();
  if (skip_file_) return EndFinishedFile();
  SendRejected(/*all=*/true);
  RETURN_IF_ERROR(begin_.atomic() ? CommitAtomicFile() : SubmitGroup());
  RETURN_IF_ERROR(Drain(0));
  if (begin_.mode() == v1::IMPORT_MODE_SNAPSHOT && IsLastOfType() &&
      !type_refused_) {
    RETURN_IF_ERROR(DeleteAbsent());
  }
  return WriteReceipt(NewReceipt(refusal_.has_value()
                                     ? v1::IMPORT_OUTCOME_REFUSED
                                     : v1::IMPORT_OUTCOME_COMPLETE));
}

absl::Status Session::EndFinishedFile() {
  SendRejected(/*all=*/true);
  SendDone(*past_.files[receipt_number()].receipt);
  ++file_index_;
  return StartFile();
}

v1::ImportReceipt Session::NewReceipt(v1::ImportOutcome outcome) const {
  v1::ImportReceipt receipt;
  receipt.set_number(receipt_number());
  DescribeFile(begin_, static_cast<uint32_t>(file_index_), &receipt);
  receipt.set_operator_(caller_.name);
  receipt.set_started_us(file_started_us_);
  const ledger::LogHead head = context_.log->Head();
  receipt.set_ended_us(
      context_.clock->TimeOf(head.size(), head.last_commit_time_us));
  receipt.set_outcome(outcome);
  receipt.set_command_sha256(fact_.command_sha256);
  tally_->Fill(&receipt);
  for (const std::string& column : reader_->ignored_columns()) {
    receipt.add_ignored_columns(column);
  }
  if (refusal_.has_value()) {
    receipt.set_refused_code(refusal_->code);
    receipt.set_refused_reason(refusal_->text);
  }
  return receipt;
}

absl::Status Session::WriteReceipt(const v1::ImportReceipt& receipt) {
  WriteGroup group;
  group.reason = v1::REASON_RECEIPT;
  group.actor = caller_.actor;
  group.changes.push_back(ReceiptChange(receipt));
  if (file_index_ + 1 == begin_.files_size()) {
    group.local_facts = {{kImportFact, std::nullopt}};
  }
  RETURN_IF_ERROR(context_.sequencer->Commit(std::move(group)).status());
  SendDone(receipt);
  ++file_index_;
  return StartFile();
}

void Session::SendDone(const v1::ImportReceipt& receipt) {
  v1::ImportResponse response;
  v1::ImportFileDone* done = response.mutable_file_done();
  done->set_file(static_cast<uint32_t>(file_index_));
  *done->mutable_receipt() = receipt;
  done->set_header_raw(header_raw_);
  send_(response);
}

absl::Status Session::Finish() {
  if (file_index_ != begin_.files_size()) {
    return base::InvalidArgumentError("{}: bytes are missing", file().name());
  }
  v1::ImportResponse response;
  response.mutable_done()->set_committed_size(context_.log->Head().size());
  send_(response);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImportSession>> ImportSession::Begin(
    const ImportContext& context, const ImportCaller& caller,
    const v1::ImportBegin& begin, Send send) {
  auto session =
      std::make_unique<Session>(context, caller, begin, std::move(send));
  RETURN_IF_ERROR(session->Open());
  return session;
}

}  // namespace tongchou::node
