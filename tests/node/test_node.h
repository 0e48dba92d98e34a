// The parts of a node over a temporary directory, without network.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "common/records/record_view.h"
#include "node/import_session.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::node {

inline constexpr uint32_t kDay = 20'081'031;

class NodeTest : public testing::Test {
 protected:
  void SetUp() override { Open(); }

  void Open(bool rebuild = false) {
    sequencer_.reset();
    reader_.reset();
    index_.reset();
    log_.reset();
    auto log = ledger::LogStore::Open({directory_.path() + "/log", nullptr});
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
    auto index =
        RecordIndex::Open({directory_.path() + "/state", rebuild}, *log_);
    ASSERT_TRUE(index.ok()) << index.status();
    index_ = *std::move(index);
    reader_ = std::make_unique<RecordReader>(log_.get(), 360'100);
    SequencerOptions options;
    options.synthetic_seed = "test";
    options.read_only_reason = [this] { return read_only_; };
    options.committed = [this](uint64_t size) { committed_(size); };
    sequencer_ =
        Sequencer::Start(std::move(options), log_.get(), index_.get(), &clock_);
  }

  // An empty node in place of this one.
  void UseFreshDirectory() {
    sequencer_.reset();
    index_.reset();
    log_.reset();
    directory_.Remove("log");
    directory_.Remove("state");
    Open();
  }

  // A unit of that name.
  static PendingChange Upsert(const std::string& unit,
                              const std::string& name) {
    records::Row row(records::Schema::Get().At(v1::RECORD_TYPE_UNIT));
    row.SetText(row.schema().IndexOf("AAB004"), name);
    std::string record;
    records::AppendRecord(row, &record);
    return WithRecord(unit, std::move(record));
  }
  static PendingChange WithRecord(const std::string& unit, std::string record) {
    PendingChange change;
    change.type = v1::RECORD_TYPE_UNIT;
    change.key = UnitKey(unit);
    change.fingerprint = Fingerprint(record);
    change.record = std::move(record);
    return change;
  }
  static PendingChange Delete(const std::string& unit) {
    PendingChange change = WithRecord(unit, "");
    change.is_delete = true;
    return change;
  }
  static std::string UnitKey(const std::string& unit) {
    v1::RecordName name;
    name.set_type(v1::RECORD_TYPE_UNIT);
    v1::FieldText* field = name.add_key_fields();
    field->set_code("AAB001");
    field->set_value(unit);
    return *records::KeyFromName(name);
  }
  absl::StatusOr<CommitOutcome> Commit(std::vector<PendingChange> changes,
                                       const std::string& id = "") {
    WriteGroup group;
    group.changes = std::move(changes);
    group.one_transaction = true;
    group.transaction_id = id;
    return sequencer_->Commit(std::move(group));
  }
  std::vector<v1::ChangeResult> Results(std::vector<PendingChange> changes) {
    const auto outcome = Commit(std::move(changes));
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome->results;
  }
  uint64_t size() const { return log_->Head().size(); }

  // One import command; what it answered stays in `answers_`.
  struct File {
    std::string name;
    std::string type;
    std::string text;
  };
  v1::ImportBegin Command(const std::vector<File>& files,
                          v1::ImportMode mode = v1::IMPORT_MODE_UPSERT) {
    v1::ImportBegin begin;
    begin.set_mode(mode);
    begin.set_encoding("utf-8");
    for (const File& file : files) {
      v1::ImportFile* one = begin.add_files();
      one->set_name(file.name);
      one->set_type(file.type);
      one->set_bytes(file.text.size());
      one->set_sha256(std::string(base::Sha256(file.text).view()));
    }
    return begin;
  }
  absl::StatusOr<std::unique_ptr<ImportSession>> Begin(
      const v1::ImportBegin& begin) {
    answers_.clear();
    return ImportSession::Begin({360'100, true, log_.get(), index_.get(),
                                 reader_.get(), sequencer_.get(), &clock_},
                                {7, "tester"}, begin,
                                [this](const v1::ImportResponse& response) {
                                  answers_.push_back(response);
                                });
  }
  absl::Status Import(const std::vector<File>& files,
                      v1::ImportMode mode = v1::IMPORT_MODE_UPSERT) {
    auto session = Begin(Command(files, mode));
    RETURN_IF_ERROR(session.status());
    for (const File& file : files) {
      RETURN_IF_ERROR((*session)->Data(file.text));
    }
    return (*session)->Finish();
  }
  std::vector<v1::ImportReceipt> Receipts() const {
    std::vector<v1::ImportReceipt> receipts;
    for (const v1::ImportResponse& one : answers_) {
      if (one.has_file_done()) receipts.push_back(one.file_done().receipt());
    }
    return receipts;
  }
  std::vector<std::string> RejectCodes() const {
    std::vector<std::string> codes;
    for (const v1::ImportResponse& one : answers_) {
      for (const v1::RejectedRow& row : one.rejected()) {
        codes.push_back(std::to_string(row.line()) + " " + row.code());
      }
    }
    return codes;
  }

  TemporaryDirectory directory_;
  base::RealClock real_clock_;
  CommitClock clock_{&real_clock_, kDay};
  std::string read_only_;
  std::function<void(uint64_t)> committed_ = [](uint64_t) {};
  std::unique_ptr<ledger::LogStore> log_;
  std::unique_ptr<RecordIndex> index_;
  std::unique_ptr<RecordReader> reader_;
  std::unique_ptr<Sequencer> sequencer_;
  std::vector<v1::ImportResponse> answers_;
};

}  // namespace tongchou::node
