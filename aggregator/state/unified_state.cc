#include "aggregator/state/unified_state.h"

#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/universal_compaction.h>
#include <rocksdb/write_batch.h>

#include "common/base/big_endian.h"
#include "common/base/file.h"
#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/ledger/rocksdb_status.h"
#include "common/records/record_key.h"
#include "common/records/schema.h"

namespace tongchou::aggregator {
namespace {

using ledger::ToSlice;
using ledger::ToView;

constexpr char kWhat[] = "unified database";
constexpr std::string_view kPositionKey = "A";
constexpr size_t kCityBytes = 3;
constexpr size_t kVersionBytes = sizeof(VersionHead::bytes);
constexpr size_t kCityPositionBytes = 3 + 8 + 8 + 4 + 8 + 8;
constexpr size_t kBlockCacheBytes = 256 << 20;
// Every person is asked for in every file; where a filter errs, a block is read
// in vain.
constexpr double kFilterBits = 14;
constexpr unsigned int kMergeRunsMin = 4;
// Runs whose sizes differ by no more are merged together.
constexpr unsigned int kSizeRatioPercent = 20;
// Newer data for each byte of the oldest run, before all is merged into one.
constexpr unsigned int kSpaceMaxPercent = 200;
constexpr int kMergePollMicros = 10'000;
// For so many of these a merge that runs counts as work that gets on: merging
// everything takes minutes.
constexpr int kMergePollsMax = 60'000;
// Going on costs a tenth of seeking.
constexpr int kNeighbourSteps = 16;

// What the filters know of a row: the part of its key that names a person and a
// type ('R' 01 person type), and all of it where the key begins with a type.
// Persons whose document is not an ID number have keys of any length: they,
// keys of indexes and cells are looked for without a filter.
class RowPrefix final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "tongchou.Row"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    return IsOfPackedPerson(ToView(key))
               ? rocksdb::Slice(key.data(), kPersonTypeBytes)
               : key;
  }
  bool InDomain(const rocksdb::Slice& key) const override {
    return IsOfPackedPerson(ToView(key)) ||
           key.starts_with(rocksdb::Slice(kTypeSpaceRows, 2));
  }

 private:
  static constexpr char kTypeSpaceRows[] = {'R', records::kTypeSpace};
};

std::string EncodePosition(const Position& position) {
  std::string bytes;
  base::AppendBigEndian<8>(position.ordinal, &bytes);
  for (const auto& [code, city] : position.cities) {
    base::AppendBigEndian<3>(code, &bytes);
    base::AppendBigEndian<8>(city.size, &bytes);
    base::AppendBigEndian<8>(static_cast<uint64_t>(city.last_commit_time_us),
                             &bytes);
    base::AppendBigEndian<4>(city.first_commit_day, &bytes);
    base::AppendBigEndian<8>(city.records, &bytes);
    base::AppendBigEndian<8>(city.uninterpreted, &bytes);
  }
  return bytes;
}

absl::StatusOr<Position> DecodePosition(std::string_view bytes) {
  if (bytes.size() < 8 || (bytes.size() - 8) % kCityPositionBytes != 0) {
    return base::DataLossError("{}: its position is cut; rebuild it", kWhat);
  }
  const auto take = [&bytes](size_t count) {
    const uint64_t value = base::ReadBigEndian(bytes.substr(0, count));
    bytes.remove_prefix(count);
    return value;
  };
  Position position;
  position.ordinal = take(8);
  while (!bytes.empty()) {
    CityPosition& city = position.cities[static_cast<uint32_t>(take(3))];
    city.size = take(8);
    city.last_commit_time_us = static_cast<int64_t>(take(8));
    city.first_commit_day = static_cast<uint32_t>(take(4));
    city.records = take(8);
    city.uninterpreted = take(8);
  }
  return position;
}

std::string IngestDirectory(const StateOptions& options) {
  return options.directory + "/ingest";
}

rocksdb::Options StateDatabaseOptions() {
  rocksdb::Options options =
      ledger::DatabaseOptions(/*large_values=*/false, kBlockCacheBytes);
  options.memtable_insert_with_hint_prefix_extractor.reset(
      rocksdb::NewFixedPrefixTransform(1));
  options.prefix_extractor = std::make_shared<RowPrefix>();
  // One entry for each person and type, not one for every key: a question is a
  // miss of the processor's caches in each file, so filters shall be small.
  auto* table =
      options.table_factory->GetOptions<rocksdb::BlockBasedTableOptions>();
  table->whole_key_filtering = false;
  table->filter_policy.reset(rocksdb::NewBloomFilterPolicy(kFilterBits));
  options.memtable_prefix_bloom_size_ratio = 0.1;
  // Files are large and few; merging them seldom, many at a time and whole runs
  // with runs of their size costs the least.
  options.compaction_style = rocksdb::kCompactionStyleUniversal;
  options.compaction_options_universal.size_ratio = kSizeRatioPercent;
  options.compaction_options_universal.min_merge_width = kMergeRunsMin;
  options.compaction_options_universal.max_size_amplification_percent =
      kSpaceMaxPercent;
  options.level0_file_num_compaction_trigger = kMergeFiles;
  options.level0_slowdown_writes_trigger = kUnmergedFilesMax;
  options.level0_stop_writes_trigger = 2 * kUnmergedFilesMax;
  // zstd was half of the work of merging.
  options.bottommost_compression = rocksdb::kDisableCompressionOption;
  return options;
}

int MergeFilesIn(Burst burst) {
  switch (burst) {
    case Burst::kNone:
      break;
    case Burst::kOfNewRecords:
      return kMergeFilesOfNew;
    case Burst::kOfUpdates:
      return kMergeFilesOfUpdates;
  }
  return kMergeFiles;
}

}  // namespace

std::string RecordRowKey(std::string_view record_key, uint32_t city) {
  std::string key(1, 'R');
  key.reserve(record_key.size() + 1 + kCityBytes);
  key += record_key;
  base::AppendBigEndian<kCityBytes>(city, &key);
  return key;
}

VersionHead EncodeVersionHead(const RecordVersion& version) {
  VersionHead head;
  size_t at = 0;
  for (const uint64_t number :
       {version.sequence, static_cast<uint64_t>(version.commit_time_us),
        version.previous}) {
    for (int shift = 56; shift >= 0; shift -= 8) {
      head.bytes[at++] = static_cast<char>(number >> shift & 0xff);
    }
  }
  head.bytes[at] = version.deleted ? 1 : 0;
  return head;
}

absl::StatusOr<RecordVersion> DecodeVersion(std::string_view bytes) {
  if (bytes.size() < kVersionBytes) {
    return base::DataLossError("{}: a record is cut; rebuild it", kWhat);
  }
  return RecordVersion{
      base::ReadBigEndian(bytes.substr(0, 8)),
      static_cast<int64_t>(base::ReadBigEndian(bytes.substr(8, 8))),
      base::ReadBigEndian(bytes.substr(16, 8)), bytes[24] != 0,
      bytes.substr(kVersionBytes)};
}

RowKey ParseRowKey(std::string_view key) {
  if (key.starts_with('R')) key.remove_prefix(1);
  const size_t split = key.size() - kCityBytes;
  return {key.substr(0, split),
          static_cast<uint32_t>(base::ReadBigEndian(key.substr(split)))};
}

bool IsOfPackedPerson(std::string_view row_key) {
  return row_key.size() >= kPersonTypeBytes && row_key[0] == 'R' &&
         row_key[1] == records::kPersonSpace &&
         static_cast<uint8_t>(row_key[2]) < 0x10;
}

std::string IndexPrefix(std::string_view field_code,
                        std::string_view component) {
  std::string key(1, 'X');
  key += field_code;
  key.push_back('\0');
  return key += component;
}

StateSnapshot::StateSnapshot(rocksdb::DB* db)
    : db_(db), snapshot_(db->GetSnapshot()) {}

StateSnapshot::~StateSnapshot() {
  iterator_.reset();
  person_iterator_.reset();
  db_->ReleaseSnapshot(snapshot_);
}

absl::StatusOr<Position> StateSnapshot::ReadPosition() const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  std::string bytes;
  const rocksdb::Status status =
      db_->Get(options, ToSlice(kPositionKey), &bytes);
  if (status.IsNotFound()) return Position{};
  RETURN_IF_ERROR(ledger::FromRocksdb(status, kWhat));
  return DecodePosition(bytes);
}

absl::StatusOr<std::optional<RecordVersion>> StateSnapshot::Get(
    std::string_view record_key, uint32_t city, std::string* bytes) const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  const rocksdb::Status status =
      db_->Get(options, RecordRowKey(record_key, city), bytes);
  if (status.IsNotFound()) return std::optional<RecordVersion>();
  RETURN_IF_ERROR(ledger::FromRocksdb(status, kWhat));
  ASSIGN_OR_RETURN(const RecordVersion version, DecodeVersion(*bytes));
  return std::optional<RecordVersion>(version);
}

absl::Status StateSnapshot::Scan(
    std::string_view prefix, std::string_view from,
    const std::function<bool(std::string_view, std::string_view)>& visit)
    const {
  if (iterator_ == nullptr) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_;
    options.total_order_seek = true;
    iterator_.reset(db_->NewIterator(options));
  }
  for (iterator_->Seek(ToSlice(from.empty() ? prefix : from));
       iterator_->Valid(); iterator_->Next()) {
    const std::string_view key = ToView(iterator_->key());
    if (!key.starts_with(prefix)) break;
    if (!visit(key, ToView(iterator_->value()))) break;
  }
  return ledger::FromRocksdb(iterator_->status(), kWhat);
}

void StateSnapshot::SeekPerson(const rocksdb::Slice& prefix) const {
  if (person_iterator_ == nullptr) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_;
    options.total_order_seek = neighbours_;
    person_iterator_.reset(db_->NewIterator(options));
  } else if (neighbours_ && person_iterator_->Valid() &&
             person_iterator_->key().compare(prefix) < 0) {
    for (int i = 0; i < kNeighbourSteps; ++i) {
      person_iterator_->Next();
      if (!person_iterator_->Valid() ||
          person_iterator_->key().compare(prefix) >= 0) {
        return;
      }
    }
  }
  person_iterator_->Seek(prefix);
}

absl::Status StateSnapshot::ScanPerson(
    std::string_view prefix,
    const std::function<bool(std::string_view, std::string_view)>& visit)
    const {
  for (SeekPerson(ToSlice(prefix)); person_iterator_->Valid();
       person_iterator_->Next()) {
    const std::string_view key = ToView(person_iterator_->key());
    if (!key.starts_with(prefix)) break;
    if (!visit(key, ToView(person_iterator_->value()))) break;
  }
  return ledger::FromRocksdb(person_iterator_->status(), kWhat);
}

UnifiedState::UnifiedState(std::unique_ptr<rocksdb::DB> db,
                           const StateOptions& options)
    : db_(std::move(db)),
      ingest_directory_(IngestDirectory(options)),
      ingest_puts_(options.ingest_puts) {}
UnifiedState::~UnifiedState() { db_->Close(); }

absl::StatusOr<std::unique_ptr<UnifiedState>> UnifiedState::Open(
    const StateOptions& options) {
  auto state = OpenOnce(options);
  if (!absl::IsDataLoss(state.status()) || options.rebuild) return state;
  spdlog::error("{}; it is made anew from the journal",
                base::Message(state.status()));
  StateOptions rebuild = options;
  rebuild.rebuild = true;
  return OpenOnce(rebuild);
}

absl::StatusOr<std::unique_ptr<UnifiedState>> UnifiedState::OpenOnce(
    const StateOptions& options) {
  RETURN_IF_ERROR(base::OpenDerivedStore(options.directory, kStateFormat,
                                         records::Schema::Get().fingerprint(),
                                         options.rebuild));
  // What a crash left before it was ingested; it will be written again.
  RETURN_IF_ERROR(base::MakeEmptyDirectory(IngestDirectory(options)));
  rocksdb::DB* db = nullptr;
  RETURN_IF_ERROR(ledger::FromRocksdb(
      rocksdb::DB::Open(StateDatabaseOptions(), options.directory, &db),
      std::string(kWhat) + " " + options.directory));
  return std::unique_ptr<UnifiedState>(
      new UnifiedState(std::unique_ptr<rocksdb::DB>(db), options));
}

std::unique_ptr<StateSnapshot> UnifiedState::Snapshot() const {
  return std::make_unique<StateSnapshot>(db_.get());
}

absl::Status UnifiedState::Write(const std::vector<StatePut>& puts,
                                 const Position& position) {
  RETURN_IF_ERROR(
      ledger::CheckSpace(db_->GetName(), ledger::kDiskReserveBytes / 2, kWhat));
  const std::string bytes = EncodePosition(position);
  return puts.size() < ingest_puts_ || !ledger::CanIngest(*db_)
             ? Insert(puts, bytes)
             : Ingest(puts, bytes);
}

absl::Status UnifiedState::Insert(const std::vector<StatePut>& puts,
                                  const std::string& position) {
  rocksdb::WriteBatch batch;
  batch.Put(ToSlice(kPositionKey), position);
  for (const StatePut& put : puts) {
    batch.Put(ToSlice(put.key), ToSlice(put.value));
  }
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return ledger::FromRocksdb(db_->Write(options, &batch), kWhat);
}

// An ingested file would overtake what still lies in the memtable: a crash
// would keep the file and lose the older puts.
absl::Status UnifiedState::EmptyMemtable() {
  RETURN_IF_ERROR(Flush());
  for (const char* property : {"rocksdb.num-entries-active-mem-table",
                               "rocksdb.num-entries-imm-mem-tables"}) {
    uint64_t entries = 0;
    TONGCHOU_CHECK(db_->GetIntProperty(property, &entries) && entries == 0);
  }
  return absl::OkStatus();
}

// RocksDB slows down writes into the memtable, but not ingestion.
absl::Status UnifiedState::WaitForMerge() {
  for (int polls = 0;; ++polls) {
    uint64_t errors = 0;
    uint64_t merging = 0;
    std::string files;
    db_->GetProperty("rocksdb.num-files-at-level0", &files);
    if (std::stoi(files) < kUnmergedFilesMax) return absl::OkStatus();
    db_->GetIntProperty("rocksdb.background-errors", &errors);
    if (errors > 0) {
      return base::ResourceExhaustedError("{}: merging files failed", kWhat);
    }
    db_->GetIntProperty("rocksdb.num-running-compactions", &merging);
    if (merging > 0 && polls < kMergePollsMax) ++steps_;
    db_->GetEnv()->SleepForMicroseconds(kMergePollMicros);
  }
}

absl::Status UnifiedState::WriteFiles(const std::vector<StatePut>& puts,
                                      const std::string& position,
                                      std::vector<std::string>* files) {
  const rocksdb::Options options = db_->GetOptions();
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options);
  const auto open = [&] {
    ++steps_;
    files->push_back(fmt::format("{}/{}.sst", ingest_directory_, next_file_++));
    return ledger::FromRocksdb(writer.Open(files->back()), kWhat);
  };
  RETURN_IF_ERROR(open());
  rocksdb::Status status = writer.Put(ToSlice(kPositionKey), position);
  uint64_t bytes = 0;
  for (const StatePut& put : puts) {
    if (!status.ok()) break;
    if (bytes >= kIngestFileBytes) {
      RETURN_IF_ERROR(ledger::FromRocksdb(writer.Finish(), kWhat));
      RETURN_IF_ERROR(open());
      bytes = 0;
    }
    status = writer.Put(ToSlice(put.key), ToSlice(put.value));
    bytes += put.key.size() + put.value.size();
  }
  if (status.ok()) status = writer.Finish();
  return ledger::FromRocksdb(status, kWhat);
}

absl::Status UnifiedState::Ingest(const std::vector<StatePut>& puts,
                                  const std::string& position) {
  RETURN_IF_ERROR(WaitForMerge());
  RETURN_IF_ERROR(EmptyMemtable());
  std::vector<std::string> files;
  const absl::Status written = WriteFiles(puts, position, &files);
  return ledger::IngestFiles(db_.get(), files, written, kWhat);
}

void UnifiedState::SetBurst(Burst burst) {
  if (burst_.exchange(burst) == burst) return;
  const rocksdb::Status status =
      db_->SetOptions({{"level0_file_num_compaction_trigger",
                        std::to_string(MergeFilesIn(burst))}});
  if (!status.ok()) {
    spdlog::warn("{}: when to merge files stays as it is: {}", kWhat,
                 status.ToString());
  }
}

absl::Status UnifiedState::Flush() {
  return ledger::FromRocksdb(db_->Flush(rocksdb::FlushOptions()), kWhat);
}

}  // namespace tongchou::aggregator
