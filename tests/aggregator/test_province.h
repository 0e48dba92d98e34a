// A province in a temporary directory: cities write records, their entries go
// through a real journal and applier, and figures are read back.
#pragma once

#include <gtest/gtest.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "aggregator/indicators/figures.h"
#include "aggregator/journal/journal.h"
#include "aggregator/state/applier.h"
#include "aggregator/state/unified_state.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/ledger/bundle.h"
#include "common/records/id_number.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "common/records/row_parser.h"
#include "tests/aggregator/power_cut.h"
#include "tests/common/ledger/add_with_leaf.h"
#include "tests/support/temporary_directory.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::aggregator {

// Field code to text, as in an import file; absent = empty.
using Texts = std::map<std::string, std::string>;

struct Edit {
  uint32_t city = 0;
  int64_t commit_time_us = 0;
  std::string type;
  Texts texts;  // of a delete, the key fields are enough
  bool deleted = false;
};

// An ID number of generated data.
inline std::string TestPerson(int number) {
  const std::string digits = absl::StrCat("36990119700101", 100 + number);
  return digits + records::IdCheckCharacter(digits);
}

// The log of one city, entry by entry.
class TestCity {
 public:
  void Add(const Edit& edit) {
    const auto* schema = records::Schema::Get().Find(edit.type);
    ASSERT_NE(schema, nullptr) << edit.type;
    records::Row row(*schema);
    Parse(edit, *schema, &row);
    v1::EntryBody body;
    body.set_salt("0123456789abcdef");
    body.set_key(records::KeyOf(row));
    if (!edit.deleted) records::AppendRecord(row, body.mutable_record());
    v1::EntryHeader header;
    header.set_type(schema->type);
    header.set_operation(edit.deleted ? v1::OPERATION_DELETE
                                      : v1::OPERATION_UPSERT);
    AddEntry(edit.commit_time_us, &header, body);
  }

  // Fills the sequence, the time and the link to the previous change.
  void AddEntry(int64_t commit_time_us, v1::EntryHeader* header,
                const v1::EntryBody& body) {
    ASSERT_GE(commit_time_us, last_commit_time_us_) << "time runs backwards";
    last_commit_time_us_ = commit_time_us;
    uint64_t& newest = newest_[body.key()];
    header->set_sequence(range_.size());
    header->set_commit_time_us(commit_time_us);
    header->set_previous(newest);
    header->set_last_of_transaction(true);
    range_.Append(ledger::AddWithLeaf(&writer_, header->SerializeAsString(),
                                      body.SerializeAsString()));
    newest = range_.size();
    if (writer_.count() >= bundle_entries) Close();
  }

  // What was added since the last call, as one batch.
  JournalBatch Take(uint32_t city) {
    Close();
    JournalBatch made;
    made.city = city;
    made.batch.bundles = std::exchange(pieces_, {});
    made.batch.end_size = range_.size();
    made.batch.last_commit_time_us = last_commit_time_us_;
    made.batch.range = range_;
    made.cosigned_checkpoint = absl::StrCat(city, " ", range_.size());
    made.incarnation_counter = 1;
    return made;
  }
  bool empty() const { return writer_.count() == 0 && pieces_.empty(); }

  uint32_t bundle_entries = ledger::kBundleEntriesTarget;

 private:
  static void Parse(const Edit& edit, const records::RecordSchema& schema,
                    records::Row* row) {
    std::vector<std::string_view> texts(schema.fields.size());
    for (const auto& [code, text] : edit.texts) {
      texts[schema.IndexOf(code)] = text;
    }
    records::RowParser parser(schema, {edit.city, 20'101'231, true});
    const auto issue =
        parser.Parse(texts, std::vector<bool>(schema.fields.size()), row);
    ASSERT_TRUE(parser.key_known()) << edit.type << " " << issue.code;
    if (edit.deleted) return;
    ASSERT_EQ(issue.code, "") << edit.type << " field " << issue.field;
  }
  void Close() {
    if (writer_.count() == 0) return;
    const uint64_t count = writer_.count();
    const uint64_t first = range_.size() - count;
    std::string bytes = writer_.Finish(first);
    auto decoded = std::make_shared<ledger::Bundle>();
    ASSERT_TRUE(decoded->Decode(bytes).ok());
    pieces_.push_back({first, count, std::move(bytes), std::move(decoded)});
  }

  ledger::CompactRange range_;
  ledger::BundleWriter writer_;
  std::vector<exchange::VerifiedBatch::Piece> pieces_;
  std::map<std::string, uint64_t> newest_;  // by record key: sequence + 1
  int64_t last_commit_time_us_ = 0;
};

// Takes no room ahead of the writes: in memory that is slow.
class TightFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;
  void PrepareWrite(size_t, size_t, const rocksdb::IOOptions&,
                    rocksdb::IODebugContext*) override {}
};

class TightFileSystem : public rocksdb::FileSystemWrapper {
 public:
  TightFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "tight"; }
  rocksdb::IOStatus NewWritableFile(
      const std::string& name, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* file,
      rocksdb::IODebugContext* debug) override {
    const auto status =
        FileSystemWrapper::NewWritableFile(name, options, file, debug);
    if (status.ok()) *file = std::make_unique<TightFile>(std::move(*file));
    return status;
  }
};

class TestProvince {
 public:
  // Batches of so many puts become ingested files.
  explicit TestProvince(size_t ingest_puts = kIngestPuts)
      : ingest_puts_(ingest_puts) {
    auto journal = Journal::Open(
        {directory_.path() + "/journal", std::make_shared<TightFileSystem>()});
    EXPECT_TRUE(journal.ok()) << journal.status();
    journal_ = *std::move(journal);
    OpenState("state", /*rebuild=*/false);
  }
  ~TestProvince() {
    Release();
    Close();
  }

  // Records wait at their city until Send.
  void Add(const Edit& edit) { cities_[edit.city].Add(edit); }
  void Put(uint32_t city, uint32_t day, const std::string& type, Texts texts) {
    Add({city, Noon(day), type, std::move(texts)});
  }
  void Delete(uint32_t city, uint32_t day, const std::string& type,
              Texts texts) {
    Add({city, Noon(day), type, std::move(texts), true});
  }
  TestCity& city(uint32_t code) { return cities_[code]; }

  // One journal group of everything that waits, or of one city's part.
  void Send() {
    std::vector<JournalBatch> batches;
    for (auto& [code, city] : cities_) {
      if (!city.empty()) batches.push_back(city.Take(code));
    }
    Append(std::move(batches));
  }
  void Send(uint32_t city) {
    std::vector<JournalBatch> batches;
    batches.push_back(cities_[city].Take(city));
    Append(std::move(batches));
  }

  // Whoever applies stands still after the next batch, until Release.
  void Hold() { held_ = true; }
  void Release() {
    base::MutexLock lock(mutex_);
    held_ = false;
    progress_.NotifyAll();
  }
  const Journal& journal() const { return *journal_; }
  const Applier& applier() {
    if (applier_ == nullptr) StartApplier();
    return *applier_;
  }

  // Brings the unified database to the end of the journal.
  void Apply() {
    if (applier_ == nullptr) StartApplier();
    applier_->Offer({});
    const uint64_t end = journal_->last_ordinal();
    base::MutexLock lock(mutex_);
    while (applied_.ordinal < end && applier_->status().ok()) {
      progress_.WaitFor(mutex_, std::chrono::milliseconds(50));
    }
    EXPECT_TRUE(applier_->status().ok()) << applier_->status();
    EXPECT_EQ(applied_.ordinal, end);
  }
  void SendAndApply() {
    Send();
    Apply();
  }

  Figures Read(uint32_t as_of, uint32_t on) {
    const auto snapshot = state_->Snapshot();
    const auto position = snapshot->ReadPosition();
    EXPECT_TRUE(position.ok()) << position.status();
    auto figures = ComputeFigures(*snapshot, *position, {as_of, on});
    EXPECT_TRUE(figures.ok()) << figures.status();
    return *std::move(figures);
  }
  std::unique_ptr<StateSnapshot> Snapshot() { return state_->Snapshot(); }
  Position position() {
    auto position = state_->Snapshot()->ReadPosition();
    EXPECT_TRUE(position.ok()) << position.status();
    return *std::move(position);
  }

  // As after a power cut: what is on disk now, memory lost.
  void Crash() {
    const std::string copy = absl::StrCat("state-", ++crashes_);
    CopyAfterPowerCut(state_->db(), directory_.path() + "/" + name_,
                      directory_.path() + "/" + copy);
    Close();
    OpenState(copy, /*rebuild=*/false);
  }
  void Rebuild() {
    Close();
    OpenState(name_, /*rebuild=*/true);
  }
  void Flush() { EXPECT_TRUE(state_->Flush().ok()); }
  // Once, after that many more batches of the applier.
  void FlushAfter(int batches) { batches_to_flush_ = batches; }

 private:
  static int64_t Noon(uint32_t day) {
    return base::ChinaDayStart(day) + base::kMicrosPerDay / 2;
  }
  void OpenState(const std::string& name, bool rebuild) {
    name_ = name;
    auto state = UnifiedState::Open(
        {directory_.path() + "/" + name, rebuild, ingest_puts_});
    ASSERT_TRUE(state.ok()) << state.status();
    state_ = *std::move(state);
  }
  void Close() {
    applier_.reset();
    state_.reset();
  }
  void StartApplier() {
    {
      base::MutexLock lock(mutex_);
      applied_ = position();
    }
    auto applier =
        Applier::Start(journal_.get(), state_.get(),
                       [this](const Position& position) { Applied(position); });
    ASSERT_TRUE(applier.ok()) << applier.status();
    applier_ = *std::move(applier);
  }
  void Applied(const Position& position) {
    if (--batches_to_flush_ == 0) Flush();
    base::MutexLock lock(mutex_);
    applied_ = position;
    progress_.NotifyAll();
    while (held_) progress_.Wait(mutex_);
  }
  void Append(std::vector<JournalBatch> batches) {
    auto group = journal_->Append(std::move(batches));
    ASSERT_TRUE(group.ok()) << group.status();
    // Some are offered, the others have to be read.
    if (applier_ != nullptr && group->ordinal % 3 != 0) {
      applier_->Offer(*std::move(group));
    }
  }

  const size_t ingest_puts_;
  // Hundreds of provinces are opened.
  TemporaryDirectory directory_{DirectoryInMemory()};
  std::string name_;
  int crashes_ = 0;
  std::atomic<int> batches_to_flush_ = 0;
  std::atomic<bool> held_ = false;
  std::map<uint32_t, TestCity> cities_;
  base::Mutex mutex_;
  base::CondVar progress_;
  Position applied_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<UnifiedState> state_;
  std::unique_ptr<Applier> applier_;
};

}  // namespace tongchou::aggregator
