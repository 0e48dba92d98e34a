#include "common/ledger/log_store.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <deque>
#include <span>

#include "common/base/big_endian.h"
#include "common/base/cpu_account.h"
#include "common/base/file.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/proof.h"
#include "common/ledger/rocksdb_status.h"

namespace tongchou::ledger {
namespace {

base::CpuAccount logging("log");

constexpr int kTileLevel = 8;
constexpr uint64_t kTileLeaves = 1 << kTileLevel;
constexpr size_t kNumberBytes = 8;

std::string EncodeHead(const LogHead& head) {
  std::string bytes;
  base::AppendBigEndian<kNumberBytes>(
      static_cast<uint64_t>(head.last_commit_time_us), &bytes);
  return bytes + head.range.Encode();
}

absl::StatusOr<LogHead> DecodeHead(std::string_view bytes) {
  if (bytes.size() < kNumberBytes) {
    return base::DataLossError("log: its head is cut");
  }
  LogHead head;
  head.last_commit_time_us =
      static_cast<int64_t>(base::ReadBigEndian(bytes.substr(0, kNumberBytes)));
  ASSIGN_OR_RETURN(head.range,
                   CompactRange::Decode(bytes.substr(kNumberBytes)));
  return head;
}

class RocksLogStore final : public LogStore {
 public:
  RocksLogStore(std::unique_ptr<rocksdb::Env> env,
                std::unique_ptr<rocksdb::DB> db, const LogStoreOptions& options)
      : env_(std::move(env)),
        owned_(std::move(db)),
        db_(owned_.get()),
        directory_(options.directory),
        disk_reserve_bytes_(options.disk_reserve_bytes) {
    synced_.sync = true;
  }
  RocksLogStore(rocksdb::DB* db, std::string prefix)
      : db_(db),
        prefix_(std::move(prefix)),
        directory_(db->GetName()),
        disk_reserve_bytes_(kDiskReserveBytes) {
    synced_.sync = true;
  }
  ~RocksLogStore() override {
    if (owned_ != nullptr) owned_->Close();
  }

  absl::Status Load();

  absl::Status Append(const GroupCommit& commit) override;
  StagedCommit Stage(const GroupCommit& commit,
                     rocksdb::WriteBatch* writes) const override;
  void Publish(StagedCommit staged) override;
  LogHead Head() const override {
    base::MutexLock lock(mutex_);
    return head_;
  }
  absl::StatusOr<StoredBundle> BundleAt(uint64_t sequence) const override;
  absl::Status ReadBundles(
      uint64_t sequence,
      const std::function<bool(StoredBundle&&)>& visit) const override;
  std::vector<std::shared_ptr<const RecentBundle>> RecentBundles(
      uint64_t sequence, uint64_t bytes_max) const override;
  absl::StatusOr<Hash> RootAt(uint64_t size) const override;
  absl::StatusOr<CompactRange> RangeAt(uint64_t size) const override;
  absl::StatusOr<Proof> InclusionProofOf(uint64_t sequence,
                                         uint64_t size) const override;
  absl::StatusOr<Proof> ConsistencyProofOf(uint64_t old_size,
                                           uint64_t size) const override;
  absl::Status PutCheckpoint(uint64_t size, std::string_view note) override;
  absl::StatusOr<std::optional<std::string>> CheckpointAtOrBefore(
      uint64_t size) const override;
  absl::StatusOr<std::optional<uint64_t>> FindTransaction(
      std::string_view id) const override;
  absl::Status PutLocalFact(std::string_view name,
                            std::string_view value) override;
  absl::Status RemoveLocalFact(std::string_view name) override;
  absl::StatusOr<std::optional<std::string>> GetLocalFact(
      std::string_view name) const override;
  absl::StatusOr<uint32_t> WriteBackup(
      const std::string& directory, const std::string& origin,
      const BackupProgress& progress) const override {
    return ledger::WriteBackup(db_, directory, origin, progress);
  }

 private:
  absl::Status Check(const rocksdb::Status& status) const {
    return FromRocksdb(status, "log " + directory_);
  }
  absl::Status Missing(uint64_t sequence) const {
    return base::DataLossError("log {}: entry {} is missing; restore it",
                               directory_, sequence);
  }
  std::string NameKey(char space, std::string_view name) const {
    std::string key = prefix_;
    key.push_back(space);
    return key.append(name);
  }
  std::string NumberKey(char space, uint64_t number) const {
    std::string key = NameKey(space, {});
    base::AppendBigEndian<kNumberBytes>(number, &key);
    return key;
  }
  std::string HeadKey() const { return NameKey('M', {}); }
  bool IsIn(char space, const rocksdb::Slice& key) const {
    return ToView(key).starts_with(NameKey(space, {}));
  }
  static uint64_t NumberOf(const rocksdb::Slice& key) {
    const std::string_view bytes = ToView(key);
    return base::ReadBigEndian(bytes.substr(bytes.size() - kNumberBytes));
  }
  absl::StatusOr<std::optional<std::string>> Get(std::string_view key) const;
  absl::Status CheckWritable();
  absl::Status Write(const rocksdb::WriteOptions& options,
                     rocksdb::WriteBatch* batch);
  void AppendBundle(std::span<const Hash> leaves, CompactRange* range,
                    rocksdb::WriteBatch* batch) const;
  void Keep(std::vector<std::shared_ptr<const RecentBundle>> bundles)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Hash> RangeHashOf(uint64_t begin, uint64_t end) const;
  // Leaves [begin, end) out of the bundles, appended to the range.
  absl::Status AppendLeaves(uint64_t begin, uint64_t end,
                            CompactRange* range) const;

  const std::unique_ptr<rocksdb::Env> env_;
  const std::unique_ptr<rocksdb::DB> owned_;  // null: another owns it
  rocksdb::DB* const db_;
  const std::string prefix_;
  const std::string directory_;
  const uint64_t disk_reserve_bytes_;
  rocksdb::WriteOptions synced_;
  mutable base::Mutex mutex_;
  LogHead head_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<const RecentBundle>> recent_
      ABSL_GUARDED_BY(mutex_);  // without a gap, up to the log's end
  size_t recent_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failed_ ABSL_GUARDED_BY(mutex_);
  bool disk_was_full_ ABSL_GUARDED_BY(mutex_) = false;
};

absl::StatusOr<std::optional<std::string>> RocksLogStore::Get(
    std::string_view key) const {
  std::string value;
  const rocksdb::Status status =
      db_->Get(rocksdb::ReadOptions(), ToSlice(key), &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  RETURN_IF_ERROR(Check(status));
  return std::optional<std::string>(std::move(value));
}

absl::Status RocksLogStore::Load() {
  ASSIGN_OR_RETURN(const auto bytes, Get(HeadKey()));
  if (!bytes.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(LogHead head, DecodeHead(*bytes));
  const uint64_t size = head.size();
  {
    base::MutexLock lock(mutex_);
    head_ = head;
  }
  ASSIGN_OR_RETURN(const Hash root, RootAt(size));
  if (root != head.range.Root()) {
    return base::DataLossError(
        "log {}: bundles and tree contradict each other; restore it",
        directory_);
  }
  return absl::OkStatus();
}

absl::Status RocksLogStore::CheckWritable() {
  base::MutexLock lock(mutex_);
  RETURN_IF_ERROR(failed_);
  if (!disk_was_full_) return absl::OkStatus();
  RETURN_IF_ERROR(ResumeWrites(db_, "log " + directory_));
  disk_was_full_ = false;
  return absl::OkStatus();
}

// Appends the leaves of one bundle; the tiles that they complete are stored.
void RocksLogStore::AppendBundle(std::span<const Hash> leaves,
                                 CompactRange* range,
                                 rocksdb::WriteBatch* batch) const {
  uint64_t number = range->size() / kTileLeaves;
  std::vector<Hash> tiles;
  range->Append(leaves, kTileLevel, &tiles);
  for (const Hash& tile : tiles) {
    batch->Put(NumberKey('T', number++), ToSlice(tile.view()));
  }
}

StagedCommit RocksLogStore::Stage(const GroupCommit& commit,
                                  rocksdb::WriteBatch* writes) const {
  StagedCommit staged;
  staged.head = Head();
  std::span<const Hash> leaves = commit.leaf_hashes;
  for (const GroupCommit::EncodedBundle& bundle : commit.bundles) {
    TONGCHOU_CHECK(bundle.first_sequence == staged.head.size());
    TONGCHOU_CHECK(bundle.count <= leaves.size());
    writes->Put(NumberKey('B', bundle.first_sequence), bundle.bytes);
    AppendBundle(leaves.first(bundle.count), &staged.head.range, writes);
    leaves = leaves.subspan(bundle.count);
    staged.bundles.push_back(std::make_shared<const RecentBundle>(
        RecentBundle{bundle.first_sequence, bundle.bytes, staged.head.range}));
  }
  TONGCHOU_CHECK(leaves.empty());
  staged.head.last_commit_time_us = commit.last_commit_time_us;
  for (size_t i = 0; i < commit.transaction_ids.size(); ++i) {
    std::string size;
    base::AppendBigEndian<kNumberBytes>(commit.transaction_sizes[i], &size);
    writes->Put(NameKey('X', commit.transaction_ids[i]), size);
  }
  for (const auto& [name, value] : commit.local_facts) {
    const std::string key = NameKey('U', name);
    if (value.has_value()) {
      writes->Put(key, *value);
    } else {
      writes->Delete(key);
    }
  }
  if (!commit.checkpoint.empty()) {
    writes->Put(NumberKey('K', staged.head.size()), commit.checkpoint);
  }
  writes->Put(HeadKey(), EncodeHead(staged.head));
  return staged;
}

void RocksLogStore::Publish(StagedCommit staged) {
  base::MutexLock lock(mutex_);
  head_ = std::move(staged.head);
  Keep(std::move(staged.bundles));
}

absl::Status RocksLogStore::Write(const rocksdb::WriteOptions& options,
                                  rocksdb::WriteBatch* batch) {
  RETURN_IF_ERROR(CheckWritable());
  const absl::Status written = Check(db_->Write(options, batch));
  if (written.ok()) return written;
  // After another error than a full disk nobody knows what was written.
  base::MutexLock lock(mutex_);
  disk_was_full_ = absl::IsResourceExhausted(written);
  if (!disk_was_full_) failed_ = written;
  return written;
}

absl::Status RocksLogStore::Append(const GroupCommit& commit) {
  RETURN_IF_ERROR(
      CheckSpace(directory_, disk_reserve_bytes_, "log " + directory_));
  rocksdb::WriteBatch batch;
  StagedCommit staged = Stage(commit, &batch);
  const base::CpuScope scope(logging);
  RETURN_IF_ERROR(Write(synced_, &batch));
  Publish(std::move(staged));
  return absl::OkStatus();
}

void RocksLogStore::Keep(
    std::vector<std::shared_ptr<const RecentBundle>> bundles) {
  for (auto& bundle : bundles) {
    recent_bytes_ += bundle->bytes.size();
    recent_.push_back(std::move(bundle));
  }
  while (recent_bytes_ > kRecentBytesMax) {
    recent_bytes_ -= recent_.front()->bytes.size();
    recent_.pop_front();
  }
}

std::vector<std::shared_ptr<const RecentBundle>> RocksLogStore::RecentBundles(
    uint64_t sequence, uint64_t bytes_max) const {
  std::vector<std::shared_ptr<const RecentBundle>> found;
  base::MutexLock lock(mutex_);
  auto at = std::lower_bound(
      recent_.begin(), recent_.end(), sequence,
      [](const auto& a, uint64_t b) { return a->first_sequence < b; });
  if (at == recent_.end() || (*at)->first_sequence != sequence) return found;
  for (uint64_t bytes = 0; at != recent_.end(); ++at) {
    bytes += (*at)->bytes.size();
    if (bytes > bytes_max && !found.empty()) break;
    found.push_back(*at);
  }
  return found;
}

absl::StatusOr<StoredBundle> RocksLogStore::BundleAt(uint64_t sequence) const {
  StoredBundle found;
  bool any = false;
  RETURN_IF_ERROR(ReadBundles(sequence, [&](StoredBundle&& bundle) {
    found = std::move(bundle);
    any = true;
    return false;
  }));
  if (!any) {
    return base::OutOfRangeError("log {}: there is no entry {}", directory_,
                                 sequence);
  }
  return found;
}

absl::Status RocksLogStore::ReadBundles(
    uint64_t sequence, const std::function<bool(StoredBundle&&)>& visit) const {
  const uint64_t size = Head().size();
  if (sequence >= size) return absl::OkStatus();
  const std::string end = NumberKey('B', size);
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  uint64_t next = sequence;  // entry that the bundle has to hold
  for (it->SeekForPrev(NumberKey('B', sequence)); it->Valid(); it->Next()) {
    if (!IsIn('B', it->key())) break;
    ASSIGN_OR_RETURN(const BundleRange range, PeekBundle(ToView(it->value())));
    if (range.first_sequence > next || range.end() <= next) break;
    next = range.end();
    if (!visit({NumberOf(it->key()), it->value().ToString()})) {
      return absl::OkStatus();
    }
  }
  RETURN_IF_ERROR(Check(it->status()));
  return next >= size ? absl::OkStatus() : Missing(next);
}

absl::Status RocksLogStore::AppendLeaves(uint64_t begin, uint64_t end,
                                         CompactRange* range) const {
  absl::Status status;
  Bundle bundle;
  uint64_t at = begin;
  RETURN_IF_ERROR(ReadBundles(begin, [&](StoredBundle&& stored) {
    status = bundle.Decode(stored.bytes);
    if (!status.ok()) return false;
    const uint64_t skipped = at - stored.first_sequence;
    const uint64_t taken = std::min(end - at, bundle.count() - skipped);
    range->Append(std::span(bundle.leaf_hashes()).subspan(skipped, taken));
    at += taken;
    return at < end;
  }));
  RETURN_IF_ERROR(status);
  return at == end ? absl::OkStatus() : Missing(at);
}

absl::StatusOr<CompactRange> RocksLogStore::RangeAt(uint64_t size) const {
  if (size > Head().size()) {
    return base::OutOfRangeError("log {}: it has fewer than {} entries",
                                 directory_, size);
  }
  CompactRange range;
  const uint64_t tiles = size / kTileLeaves;
  const std::string end = NumberKey('T', tiles);
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  uint64_t found = 0;
  for (it->Seek(NumberKey('T', 0)); it->Valid(); it->Next(), ++found) {
    range.AppendSubtree(Hash::FromView(ToView(it->value())), kTileLevel);
  }
  RETURN_IF_ERROR(Check(it->status()));
  if (found != tiles) {
    return base::DataLossError("log {}: stored hashes are missing; restore it",
                               directory_);
  }
  if (size % kTileLeaves != 0) {
    RETURN_IF_ERROR(AppendLeaves(tiles * kTileLeaves, size, &range));
  }
  return range;
}

absl::StatusOr<Hash> RocksLogStore::RootAt(uint64_t size) const {
  ASSIGN_OR_RETURN(const CompactRange range, RangeAt(size));
  return range.Root();
}

absl::StatusOr<Hash> RocksLogStore::RangeHashOf(uint64_t begin,
                                                uint64_t end) const {
  CompactRange range;
  uint64_t at = begin;
  if (begin % kTileLeaves == 0) {
    for (; at + kTileLeaves <= end; at += kTileLeaves) {
      ASSIGN_OR_RETURN(const auto tile, Get(NumberKey('T', at / kTileLeaves)));
      if (!tile.has_value()) {
        return base::DataLossError("log {}: a stored hash is missing",
                                   directory_);
      }
      range.AppendSubtree(Hash::FromView(*tile), kTileLevel);
    }
  }
  if (at < end) RETURN_IF_ERROR(AppendLeaves(at, end, &range));
  return range.Root();
}

absl::StatusOr<Proof> RocksLogStore::InclusionProofOf(uint64_t sequence,
                                                      uint64_t size) const {
  if (size > Head().size()) {
    return base::OutOfRangeError("log {}: it has fewer than {} entries",
                                 directory_, size);
  }
  return InclusionProof(sequence, size, [this](uint64_t begin, uint64_t end) {
    return RangeHashOf(begin, end);
  });
}

absl::StatusOr<Proof> RocksLogStore::ConsistencyProofOf(uint64_t old_size,
                                                        uint64_t size) const {
  if (size > Head().size()) {
    return base::OutOfRangeError("log {}: it has fewer than {} entries",
                                 directory_, size);
  }
  return ConsistencyProof(old_size, size, [this](uint64_t begin, uint64_t end) {
    return RangeHashOf(begin, end);
  });
}

absl::Status RocksLogStore::PutCheckpoint(uint64_t size,
                                          std::string_view note) {
  rocksdb::WriteBatch batch;
  batch.Put(NumberKey('K', size), ToSlice(note));
  return Write(rocksdb::WriteOptions(), &batch);
}

absl::StatusOr<std::optional<std::string>> RocksLogStore::CheckpointAtOrBefore(
    uint64_t size) const {
  const std::unique_ptr<rocksdb::Iterator> it(
      db_->NewIterator(rocksdb::ReadOptions()));
  it->SeekForPrev(NumberKey('K', size));
  RETURN_IF_ERROR(Check(it->status()));
  if (!it->Valid() || !IsIn('K', it->key()))
    return std::optional<std::string>();
  return std::optional<std::string>(it->value().ToString());
}

absl::StatusOr<std::optional<uint64_t>> RocksLogStore::FindTransaction(
    std::string_view id) const {
  ASSIGN_OR_RETURN(const auto value, Get(NameKey('X', id)));
  if (!value.has_value()) return std::optional<uint64_t>();
  return std::optional<uint64_t>(base::ReadBigEndian(*value));
}

absl::Status RocksLogStore::PutLocalFact(std::string_view name,
                                         std::string_view value) {
  rocksdb::WriteBatch batch;
  batch.Put(NameKey('U', name), ToSlice(value));
  return Write(synced_, &batch);
}

absl::Status RocksLogStore::RemoveLocalFact(std::string_view name) {
  rocksdb::WriteBatch batch;
  batch.Delete(NameKey('U', name));
  return Write(synced_, &batch);
}

absl::StatusOr<std::optional<std::string>> RocksLogStore::GetLocalFact(
    std::string_view name) const {
  return Get(NameKey('U', name));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LogStore>> LogStore::Open(
    const LogStoreOptions& options) {
  rocksdb::Options database =
      DatabaseOptions(/*large_values=*/true, options.block_cache_bytes);
  database.write_buffer_size = options.write_buffer_bytes;
  ASSIGN_OR_RETURN(
      OpenedDatabase opened,
      OpenDatabase(std::move(database),
                   {options.directory, options.file_system, options.read_only},
                   kLogFormat));
  auto store = std::make_unique<RocksLogStore>(std::move(opened.env),
                                               std::move(opened.db), options);
  RETURN_IF_ERROR(store->Load());
  return store;
}

absl::StatusOr<std::unique_ptr<LogStore>> LogStore::OpenWithin(
    rocksdb::DB* db, std::string prefix) {
  auto store = std::make_unique<RocksLogStore>(db, std::move(prefix));
  RETURN_IF_ERROR(store->Load());
  return store;
}

}  // namespace tongchou::ledger
