#include "aggregator/state/unified_state.h"

#include <rocksdb/slice_transform.h>
#include <rocksdb/write_batch.h>

#include <filesystem>

#include "common/base/big_endian.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/ledger/rocksdb_status.h"

namespace tongchou::aggregator {
namespace {

using ledger::ToSlice;
using ledger::ToView;

constexpr char kWhat[] = "unified database";
constexpr std::string_view kPositionKey = "A";
constexpr size_t kCityBytes = 3;
constexpr size_t kVersionBytes = 25;
constexpr size_t kCityPositionBytes = 3 + 8 + 8 + 4 + 8 + 8;
constexpr size_t kBlockCacheBytes = 256 << 20;

// The part of a row key that names a person and a type: 'R' 01 person type.
// Other keys have none.
class PersonTypePrefix final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "tongchou.PersonType"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    return {key.data(), kPersonTypeBytes};
  }
  // Packed persons only: their first byte is below 0x10.
  bool InDomain(const rocksdb::Slice& key) const override {
    return key.size() >= kPersonTypeBytes && key[0] == 'R' && key[1] == 1 &&
           static_cast<uint8_t>(key[2]) < 0x10;
  }

 private:
  static constexpr size_t kPersonTypeBytes = 1 + 1 + 8 + 1;
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

}  // namespace

std::string RecordRowKey(std::string_view record_key, uint32_t city) {
  std::string key(1, 'R');
  key.reserve(record_key.size() + 1 + kCityBytes);
  key += record_key;
  base::AppendBigEndian<kCityBytes>(city, &key);
  return key;
}

std::string EncodeVersion(const RecordVersion& version) {
  std::string bytes;
  bytes.reserve(kVersionBytes + version.record.size());
  base::AppendBigEndian<8>(version.sequence, &bytes);
  base::AppendBigEndian<8>(static_cast<uint64_t>(version.commit_time_us),
                           &bytes);
  base::AppendBigEndian<8>(version.previous, &bytes);
  bytes.push_back(version.deleted ? 1 : 0);
  return bytes += version.record;
}

absl::StatusOr<RecordVersion> DecodeVersion(std::string_view bytes) {
  if (bytes.size() < kVersionBytes) {
    return base::DataLossError("{}: a record is cut; rebuild it", kWhat);
  }
  return RecordVersion{
      base::ReadBigEndian(bytes.substr(0, 8)),
      static_cast<int64_t>(base::ReadBigEndian(bytes.substr(8, 8))),
      base::ReadBigEndian(bytes.substr(16, 8)), bytes[24] != 0,
      std::string(bytes.substr(kVersionBytes))};
}

RowKey ParseRowKey(std::string_view key) {
  if (key.starts_with('R')) key.remove_prefix(1);
  const size_t split = key.size() - kCityBytes;
  return {key.substr(0, split),
          static_cast<uint32_t>(base::ReadBigEndian(key.substr(split)))};
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
    std::string_view record_key, uint32_t city) const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  rocksdb::PinnableSlice bytes;
  const rocksdb::Status status =
      db_->Get(options, db_->DefaultColumnFamily(),
               RecordRowKey(record_key, city), &bytes);
  if (status.IsNotFound()) return std::optional<RecordVersion>();
  RETURN_IF_ERROR(ledger::FromRocksdb(status, kWhat));
  ASSIGN_OR_RETURN(RecordVersion version, DecodeVersion(ToView(bytes)));
  return std::optional<RecordVersion>(std::move(version));
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

absl::Status StateSnapshot::ScanPerson(
    std::string_view prefix,
    const std::function<bool(std::string_view, std::string_view)>& visit)
    const {
  if (person_iterator_ == nullptr) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_;
    person_iterator_.reset(db_->NewIterator(options));
  }
  for (person_iterator_->Seek(ToSlice(prefix)); person_iterator_->Valid();
       person_iterator_->Next()) {
    const std::string_view key = ToView(person_iterator_->key());
    if (!key.starts_with(prefix)) break;
    if (!visit(key, ToView(person_iterator_->value()))) break;
  }
  return ledger::FromRocksdb(person_iterator_->status(), kWhat);
}

UnifiedState::UnifiedState(std::unique_ptr<rocksdb::DB> db)
    : db_(std::move(db)) {}
UnifiedState::~UnifiedState() { db_->Close(); }

absl::StatusOr<std::unique_ptr<UnifiedState>> UnifiedState::Open(
    const std::string& directory, bool rebuild) {
  if (rebuild) {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }
  RETURN_IF_ERROR(base::MakeDirectories(directory));
  rocksdb::Options options =
      ledger::DatabaseOptions(/*large_values=*/false, kBlockCacheBytes);
  options.memtable_insert_with_hint_prefix_extractor.reset(
      rocksdb::NewFixedPrefixTransform(1));
  options.prefix_extractor = std::make_shared<PersonTypePrefix>();
  options.memtable_prefix_bloom_size_ratio = 0.1;
  rocksdb::DB* db = nullptr;
  RETURN_IF_ERROR(
      ledger::FromRocksdb(rocksdb::DB::Open(options, directory, &db),
                          std::string(kWhat) + " " + directory));
  return std::unique_ptr<UnifiedState>(
      new UnifiedState(std::unique_ptr<rocksdb::DB>(db)));
}

std::unique_ptr<StateSnapshot> UnifiedState::Snapshot() const {
  return std::make_unique<StateSnapshot>(db_.get());
}

absl::Status UnifiedState::Write(rocksdb::WriteBatch* batch,
                                 const Position& position) {
  RETURN_IF_ERROR(
      ledger::CheckSpace(db_->GetName(), ledger::kDiskReserveBytes / 2, kWhat));
  batch->Put(ToSlice(kPositionKey), EncodePosition(position));
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return ledger::FromRocksdb(db_->Write(options, batch), kWhat);
}

absl::Status UnifiedState::Flush() {
  return ledger::FromRocksdb(db_->Flush(rocksdb::FlushOptions()), kWhat);
}

}  // namespace tongchou::aggregator
