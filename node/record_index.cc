#include "node/record_index.h"

#include <rocksdb/db.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/big_endian.h"
#include "common/base/cpu_account.h"
#include "common/base/file.h"
#include "common/base/growing_bloom_filter.h"
#include "common/base/hash128.h"
#include "common/base/key_order.h"
#include "common/base/logging.h"
#include "common/base/mutex.h"
#include "common/base/progress_line.h"
#include "common/base/random.h"
#include "common/base/spread_table.h"
#include "common/base/status.h"
#include "common/base/thread_name.h"
#include "common/base/thread_priority.h"
#include "common/ledger/bundle.h"
#include "common/ledger/rocksdb_status.h"
#include "common/records/record_codec.h"
#include "common/records/schema.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::node {
namespace {

base::CpuAccount writing_state("state");

// Changes that wait for the writer while it writes a file; above them commits
// wait.
constexpr size_t kPendingMax = kStateFileEntries;
constexpr size_t kStateBytes = 21;
constexpr size_t kRollForwardEntries = 32'768;
constexpr int kMergeFiles = 8;
// Changes ask for single records in no order: a block is read and unpacked for
// each. A quarter of it takes 2.4 us, not 5.4 (six million records).
constexpr size_t kBlockBytes = 4'096;
// So many are read at once; their blocks stay pinned meanwhile.
constexpr size_t kReadAheadKeys = 1'024;
constexpr char kIngestFolder[] = "/ingest";
constexpr auto kSpaceRetry = std::chrono::microseconds(1'000'000);
constexpr std::string_view kPositionKey{"\0", 1};

struct Known {
  uint64_t sequence_and_deleted;
  uint64_t fingerprint;
};

void AppendState(const RecordState& state, std::string* bytes) {
  base::AppendBigEndian<8>(state.sequence, bytes);
  bytes->push_back(state.deleted ? 1 : 0);
  base::AppendBigEndian<8>(state.fingerprint, bytes);
  base::AppendBigEndian<4>(state.division, bytes);
}

// What the state database is to be told: keys and encoded states, one behind
// the other.
class Writes {
 public:
  void Add(std::string_view key, const RecordState& state) {
    bytes_ += key;
    AppendState(state, &bytes_);
    ends_.push_back(bytes_.size());
  }
  void Clear() {
    bytes_.clear();
    ends_.clear();
  }
  size_t size() const { return ends_.size(); }
  std::string_view key(size_t i) const {
    const std::string_view both = Both(i);
    return both.substr(0, both.size() - kStateBytes);
  }
  std::string_view state(size_t i) const {
    const std::string_view both = Both(i);
    return both.substr(both.size() - kStateBytes);
  }

 private:
  std::string_view Both(size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }

  std::string bytes_;
  std::vector<size_t> ends_;
};

void AddKeys(const base::SpreadTable<Known>& table,
             base::GrowingBloomFilter* filter) {
  table.ForEach([filter](const base::Hash128& hash, const Known&) {
    filter->Add(hash.high);
  });
}

// Of several commits, in their order.
class WriteQueue {
 public:
  void Add(Writes writes) {
    if (writes.size() == 0) return;
    size_ += writes.size();
    commits_.push_back(std::move(writes));
  }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  struct Write {
    std::string_view key;
    std::string_view state;
  };
  // The last write of every key, by key.
  std::vector<Write> LastByKey() const;

 private:
  std::vector<Writes> commits_;
  size_t size_ = 0;
};

absl::StatusOr<RecordState> DecodeState(std::string_view bytes) {
  if (bytes.size() != kStateBytes) {
    return base::DataLossError("state: a value is cut; rebuild the state");
  }
  return RecordState{
      base::ReadBigEndian(bytes.substr(0, 8)), bytes[8] != 0,
      base::ReadBigEndian(bytes.substr(9, 8)),
      static_cast<uint32_t>(base::ReadBigEndian(bytes.substr(17, 4)))};
}

std::vector<WriteQueue::Write> WriteQueue::LastByKey() const {
  std::vector<Write> all;
  all.reserve(size_);
  for (const Writes& commit : commits_) {
    for (size_t i = 0; i < commit.size(); ++i) {
      all.push_back({commit.key(i), commit.state(i)});
    }
  }
  const std::vector<uint32_t> order =
      base::KeyOrder(all.size(), 0, [&](size_t i) { return all[i].key; });
  std::vector<Write> last;
  last.reserve(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const Write& write = all[order[i]];
    const bool newest =
        i + 1 == order.size() || all[order[i + 1]].key != write.key;
    if (newest) last.push_back(write);
  }
  return last;
}

// What the state database reflects.
struct Position {
  uint64_t log_size = 0;
  // Of the sequences of all records. A file that was lost would not be missed
  // otherwise, and the next change would be linked to a wrong past.
  uint64_t sum = 0;

  std::string Encode() const {
    std::string bytes;
    base::AppendBigEndian<8>(log_size, &bytes);
    base::AppendBigEndian<8>(sum, &bytes);
    return bytes;
  }
  static absl::StatusOr<Position> Decode(std::string_view bytes) {
    if (bytes.size() != 16) {
      return base::DataLossError("state: of another version, or cut");
    }
    return Position{base::ReadBigEndian(bytes.substr(0, 8)),
                    base::ReadBigEndian(bytes.substr(8))};
  }
};

class RocksRecordIndex final : public RecordIndex {
 public:
  RocksRecordIndex(std::unique_ptr<rocksdb::DB> db, size_t entries_max)
      : db_(std::move(db)),
        entries_max_(entries_max),
        seed_(base::RandomNumber()) {
    recent_.Reserve(std::min(kIndexEntriesAtStart, entries_max_));
  }

  ~RocksRecordIndex() override {
    {
      base::MutexLock lock(queue_mutex_);
      stopping_ = true;
      queue_changed_.NotifyAll();
    }
    if (writer_.joinable()) writer_.join();
    db_->Close();
  }

  absl::Status Load(const ledger::LogStore& log);

  absl::StatusOr<std::optional<RecordState>> Find(
      std::string_view key) override;
  absl::Status ReadAhead(
      size_t count, absl::FunctionRef<std::string_view(size_t)> key) override;
  void Prefetch(std::string_view key) const override {
    const base::Hash128 hash = HashOf(key);
    base::MutexLock lock(map_mutex_);
    PrefetchLocked(hash);
  }
  absl::Status Put(std::string_view key, const RecordState& state) override;
  void Expect(size_t records) override {
    base::MutexLock lock(map_mutex_);
    if (complete_) recent_.Reserve(std::min(records, entries_max_));
  }
  void Undo() override;
  void Committed(uint64_t log_size) override;
  absl::Status Scan(
      const std::function<void(std::string_view, const RecordState&)>& visit)
      override;
  uint64_t live_records() const override {
    base::MutexLock lock(map_mutex_);
    return live_;
  }
  absl::Status Flush() override;

 private:
  base::Hash128 HashOf(std::string_view key) const {
    return base::Hash128Of(key, seed_);
  }
  static Known ToKnown(const RecordState& state) {
    return {state.sequence << 1 | (state.deleted ? 1 : 0), state.fingerprint};
  }
  static RecordState ToState(const Known& known) {
    return {known.sequence_and_deleted >> 1,
            (known.sequence_and_deleted & 1) != 0, known.fingerprint};
  }
  void PrefetchLocked(const base::Hash128& hash) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(map_mutex_) {
    recent_.Prefetch(hash);
    if (complete_) return;
    earlier_.Prefetch(hash);
    known_.Prefetch(hash.high);
  }
  // In memory; it is recent from now on.
  const Known* FindKnown(const base::Hash128& hash)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(map_mutex_);
  absl::StatusOr<std::optional<RecordState>> FindLocked(
      std::string_view key, const base::Hash128& hash)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(map_mutex_);
  std::vector<std::string_view> KeysToRead(
      size_t count, absl::FunctionRef<std::string_view(size_t)> key);
  absl::Status ReadStates(std::span<const std::string_view> keys);
  // What the database answered, which is known from now on.
  absl::StatusOr<std::optional<RecordState>> Keep(const base::Hash128& hash,
                                                  const rocksdb::Status& status,
                                                  std::string_view bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(map_mutex_);
  absl::StatusOr<uint64_t> LoadState();
  absl::Status RollForward(const ledger::LogStore& log, uint64_t from);
  absl::Status TakeBundle(const ledger::Bundle& bundle, uint64_t from);
  void WriteLoop();
  absl::Status Write(const WriteQueue& writes, const Position& end);
  absl::Status WriteFile(const WriteQueue& writes, const Position& end);
  absl::Status Insert(const WriteQueue& writes, const Position& end);
  // Waits a little; false when it is time to stop.
  bool WaitForSpace();
  void WaitForWriter(size_t pending_max);
  absl::Status WriteError();
  void ForgetIfTooMany();
  // Memory no longer has all there is.
  void BecomeCache() ABSL_EXCLUSIVE_LOCKS_REQUIRED(map_mutex_);

  const std::unique_ptr<rocksdb::DB> db_;
  const size_t entries_max_;
  const uint64_t seed_;

  mutable base::Mutex map_mutex_;
  using Table = base::SpreadTable<Known>;
  Table recent_ ABSL_GUARDED_BY(map_mutex_);
  // Unless complete_: what was recent before; each forgets the one before it.
  Table earlier_ ABSL_GUARDED_BY(map_mutex_);
  bool complete_ ABSL_GUARDED_BY(map_mutex_) = true;
  // Unless complete_: every record that ever was, in memory or not.
  base::GrowingBloomFilter known_ ABSL_GUARDED_BY(map_mutex_);
  uint64_t live_ ABSL_GUARDED_BY(map_mutex_) = 0;
  uint64_t sum_ = 0;  // see Position; only the thread that puts touches it

  // Of the commit on its way; only its thread touches them.
  Writes current_;
  std::vector<std::pair<base::Hash128, std::optional<Known>>> undo_;
  int64_t live_change_ = 0;
  uint64_t sum_change_ = 0;

  // A file's worth for the writer, unless the last.
  struct Piece {
    WriteQueue writes;
    Position end;
    bool full() const { return writes.size() >= kStateFileEntries; }
  };
  base::Mutex queue_mutex_;
  base::CondVar queue_changed_;
  std::deque<Piece> queue_ ABSL_GUARDED_BY(queue_mutex_);
  size_t queued_ ABSL_GUARDED_BY(queue_mutex_) = 0;  // writes in it
  bool writing_ ABSL_GUARDED_BY(queue_mutex_) = false;
  bool flush_ ABSL_GUARDED_BY(queue_mutex_) = false;  // write what there is
  bool stopping_ ABSL_GUARDED_BY(queue_mutex_) = false;
  absl::Status write_error_ ABSL_GUARDED_BY(queue_mutex_);
  std::atomic<bool> write_failed_ = false;  // there is an error
  std::thread writer_;
};

const Known* RocksRecordIndex::FindKnown(const base::Hash128& hash) {
  const Known* recent = recent_.Find(hash);
  if (recent != nullptr || complete_) return recent;
  const Known* earlier = earlier_.Find(hash);
  if (earlier == nullptr) return nullptr;
  return recent_.TryEmplace(hash, *earlier).first;
}

absl::StatusOr<std::optional<RecordState>> RocksRecordIndex::FindLocked(
    std::string_view key, const base::Hash128& hash) {
  if (const Known* known = FindKnown(hash); known != nullptr) {
    return std::optional<RecordState>(ToState(*known));
  }
  if (complete_ || !known_.MayHave(hash.high)) {
    return std::optional<RecordState>();
  }
  std::string bytes;
  const rocksdb::Status status =
      db_->Get(rocksdb::ReadOptions(), ledger::ToSlice(key), &bytes);
  return Keep(hash, status, bytes);
}

absl::StatusOr<std::optional<RecordState>> RocksRecordIndex::Keep(
    const base::Hash128& hash, const rocksdb::Status& status,
    std::string_view bytes) {
  if (status.IsNotFound()) return std::optional<RecordState>();
  RETURN_IF_ERROR(ledger::FromRocksdb(status, "state"));
  ASSIGN_OR_RETURN(const RecordState state, DecodeState(bytes));
  recent_.Set(hash, ToKnown(state));
  return std::optional<RecordState>(state);
}

absl::Status RocksRecordIndex::ReadAhead(
    size_t count, absl::FunctionRef<std::string_view(size_t)> key) {
  const std::vector<std::string_view> keys = KeysToRead(count, key);
  for (size_t begin = 0; begin < keys.size(); begin += kReadAheadKeys) {
    RETURN_IF_ERROR(ReadStates(std::span(keys).subspan(
        begin, std::min(kReadAheadKeys, keys.size() - begin))));
  }
  return absl::OkStatus();
}

// By key, each once.
std::vector<std::string_view> RocksRecordIndex::KeysToRead(
    size_t count, absl::FunctionRef<std::string_view(size_t)> key) {
  std::vector<std::string_view> keys;
  {
    base::MutexLock lock(map_mutex_);
    if (complete_) return {};
    for (size_t i = 0; i < count; ++i) {
      if (i + kPrefetchAhead < count) {
        PrefetchLocked(HashOf(key(i + kPrefetchAhead)));
      }
      const base::Hash128 hash = HashOf(key(i));
      if (FindKnown(hash) == nullptr && known_.MayHave(hash.high)) {
        keys.push_back(key(i));
      }
    }
  }
  std::vector<std::string_view> sorted;
  sorted.reserve(keys.size());
  for (const uint32_t i :
       base::KeyOrder(keys.size(), 0, [&](size_t i) { return keys[i]; })) {
    if (sorted.empty() || sorted.back() != keys[i]) sorted.push_back(keys[i]);
  }
  return sorted;
}

// The thread that puts is this one, so nothing changes meanwhile.
absl::Status RocksRecordIndex::ReadStates(
    std::span<const std::string_view> keys) {
  std::vector<rocksdb::Slice> slices;
  slices.reserve(keys.size());
  for (const std::string_view key : keys)
    slices.push_back(ledger::ToSlice(key));
  std::vector<rocksdb::PinnableSlice> states(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  db_->MultiGet(rocksdb::ReadOptions(), db_->DefaultColumnFamily(), keys.size(),
                slices.data(), states.data(), statuses.data(),
                /*sorted_input=*/true);
  base::MutexLock lock(map_mutex_);
  for (size_t i = 0; i < keys.size(); ++i) {
    RETURN_IF_ERROR(
        Keep(HashOf(keys[i]), statuses[i], ledger::ToView(states[i])).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<RecordState>> RocksRecordIndex::Find(
    std::string_view key) {
  const base::Hash128 hash = HashOf(key);
  base::MutexLock lock(map_mutex_);
  return FindLocked(key, hash);
}

absl::Status RocksRecordIndex::WriteError() {
  base::MutexLock lock(queue_mutex_);
  return write_error_;
}

absl::Status RocksRecordIndex::Put(std::string_view key,
                                   const RecordState& state) {
  if (write_failed_) return WriteError();
  const base::Hash128 hash = HashOf(key);
  base::MutexLock lock(map_mutex_);
  // What is not in memory may be in the database.
  if (!complete_) RETURN_IF_ERROR(FindLocked(key, hash).status());
  const auto [at, added] = recent_.TryEmplace(hash, ToKnown(state));
  std::optional<Known> before;
  if (!added) before = std::exchange(*at, ToKnown(state));
  if (added && !complete_) known_.Add(hash.high);
  const bool was_live =
      before.has_value() && (before->sequence_and_deleted & 1) == 0;
  const int change = (state.deleted ? 0 : 1) - (was_live ? 1 : 0);
  live_ += static_cast<uint64_t>(static_cast<int64_t>(change));
  live_change_ += change;
  const uint64_t newer =
      state.sequence -
      (before.has_value() ? before->sequence_and_deleted >> 1 : 0);
  sum_ += newer;
  sum_change_ += newer;
  undo_.emplace_back(hash, before);
  current_.Add(key, state);
  return absl::OkStatus();
}

void RocksRecordIndex::Undo() {
  base::MutexLock lock(map_mutex_);
  for (auto it = undo_.rbegin(); it != undo_.rend(); ++it) {
    if (it->second.has_value()) {
      recent_.Set(it->first, *it->second);
    } else {
      recent_.Erase(it->first);
    }
  }
  live_ -= static_cast<uint64_t>(live_change_);
  sum_ -= sum_change_;
  undo_.clear();
  current_.Clear();
  live_change_ = 0;
  sum_change_ = 0;
}

void RocksRecordIndex::Committed(uint64_t log_size) {
  undo_.clear();
  live_change_ = 0;
  sum_change_ = 0;
  if (current_.size() == 0) return;
  WaitForWriter(kPendingMax);
  {
    base::MutexLock lock(queue_mutex_);
    if (queue_.empty() || queue_.back().full()) queue_.emplace_back();
    queued_ += current_.size();
    queue_.back().writes.Add(std::exchange(current_, {}));
    queue_.back().end = {log_size, sum_};
    if (queue_.front().full()) queue_changed_.NotifyAll();
  }
  ForgetIfTooMany();
}

void RocksRecordIndex::WaitForWriter(size_t pending_max) {
  base::MutexLock lock(queue_mutex_);
  while ((queued_ > pending_max || (pending_max == 0 && writing_)) &&
         write_error_.ok()) {
    if (pending_max == 0) flush_ = true;
    queue_changed_.NotifyAll();
    queue_changed_.Wait(queue_mutex_);
  }
}

void RocksRecordIndex::ForgetIfTooMany() {
  {
    base::MutexLock lock(map_mutex_);
    if (recent_.size() <= (complete_ ? entries_max_ : entries_max_ / 2)) return;
  }
  WaitForWriter(0);
  if (write_failed_) return;  // the database does not have them
  base::MutexLock lock(map_mutex_);
  BecomeCache();
  earlier_ = std::exchange(recent_, {});
  recent_.Reserve(entries_max_ / 2);
}

void RocksRecordIndex::BecomeCache() {
  if (!complete_) return;
  AddKeys(recent_, &known_);
  complete_ = false;
}

void RocksRecordIndex::WriteLoop() {
  base::NameThread("state");
  // Commits wait for it only when kPendingMax changes do.
  base::LowerThreadPriority(base::kNiceIdle);
  while (true) {
    Piece piece;
    {
      base::MutexLock lock(queue_mutex_);
      writing_ = false;
      queue_changed_.NotifyAll();
      while (!stopping_ &&
             (queue_.empty() || !(flush_ || queue_.front().full()))) {
        queue_changed_.Wait(queue_mutex_);
      }
      if (queue_.empty()) return;
      piece = std::move(queue_.front());
      queue_.pop_front();
      queued_ -= piece.writes.size();
      writing_ = true;
      flush_ = false;
      queue_changed_.NotifyAll();  // there is room
    }
    absl::Status status = Write(piece.writes, piece.end);
    while (absl::IsResourceExhausted(status) && WaitForSpace()) {
      status = ledger::ResumeWrites(db_.get(), "state");
      if (status.ok()) status = Write(piece.writes, piece.end);
    }
    if (!status.ok()) {
      // The log has everything; the next start rolls forward from it.
      spdlog::error("{}", base::Describe(status));
      base::MutexLock lock(queue_mutex_);
      write_error_ = base::Annotate(
          status, "the state cannot be written; restart the node");
      write_failed_ = true;
      writing_ = false;
      queue_changed_.NotifyAll();
      return;
    }
  }
}

bool RocksRecordIndex::WaitForSpace() {
  base::MutexLock lock(queue_mutex_);
  if (!stopping_) queue_changed_.WaitFor(queue_mutex_, kSpaceRetry);
  return !stopping_;
}

// The memtable is not used before files cannot be, so nothing can be overtaken:
// a file with the position in it is there as a whole or not at all.
absl::Status RocksRecordIndex::Write(const WriteQueue& writes,
                                     const Position& end) {
  RETURN_IF_ERROR(ledger::CheckSpace(db_->GetName(),
                                     ledger::kDiskReserveBytes / 2, "state"));
  return ledger::CanIngest(*db_) ? WriteFile(writes, end) : Insert(writes, end);
}

absl::Status RocksRecordIndex::Insert(const WriteQueue& writes,
                                      const Position& end) {
  const base::CpuScope scope(writing_state);
  rocksdb::WriteBatch batch;
  batch.Put(ledger::ToSlice(kPositionKey), end.Encode());
  for (const WriteQueue::Write& write : writes.LastByKey()) {
    batch.Put(ledger::ToSlice(write.key), ledger::ToSlice(write.state));
  }
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return ledger::FromRocksdb(db_->Write(options, &batch), "state");
}

absl::Status RocksRecordIndex::WriteFile(const WriteQueue& writes,
                                         const Position& end) {
  const base::CpuScope scope(writing_state);
  const std::string path = db_->GetName() + kIngestFolder + "/state.sst";
  rocksdb::SstFileWriter file(rocksdb::EnvOptions(), db_->GetOptions());
  rocksdb::Status status = file.Open(path);
  if (status.ok())
    status = file.Put(ledger::ToSlice(kPositionKey), end.Encode());
  for (const WriteQueue::Write& write : writes.LastByKey()) {
    if (!status.ok()) break;
    status = file.Put(ledger::ToSlice(write.key), ledger::ToSlice(write.state));
  }
  if (status.ok()) status = file.Finish();
  return ledger::IngestFiles(db_.get(), {path},
                             ledger::FromRocksdb(status, "state"), "state");
}

absl::StatusOr<uint64_t> RocksRecordIndex::LoadState() {
  Position position;
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  base::MutexLock lock(map_mutex_);
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const std::string_view key = ledger::ToView(it->key());
    if (key == kPositionKey) {
      ASSIGN_OR_RETURN(position, Position::Decode(ledger::ToView(it->value())));
      continue;
    }
    ASSIGN_OR_RETURN(const RecordState state,
                     DecodeState(ledger::ToView(it->value())));
    if (!state.deleted) ++live_;
    sum_ += state.sequence;
    const base::Hash128 hash = HashOf(key);
    if (recent_.size() <= entries_max_) {
      recent_.Set(hash, ToKnown(state));
    } else {
      BecomeCache();
      known_.Add(hash.high);
    }
  }
  RETURN_IF_ERROR(ledger::FromRocksdb(it->status(), "state"));
  if (sum_ != position.sum) {
    return base::DataLossError(
        "state {}: what was written into it is not there", db_->GetName());
  }
  return position.log_size;
}

absl::Status RocksRecordIndex::TakeBundle(const ledger::Bundle& bundle,
                                          uint64_t from) {
  v1::EntryHeader header;
  v1::EntryBody body;
  records::Row row;
  for (size_t i = 0; i < bundle.count(); ++i) {
    const uint64_t sequence = bundle.first_sequence() + i;
    if (sequence < from) continue;
    const auto bytes = bundle.body(i);
    if (!bytes.has_value() ||
        !header.ParseFromArray(bundle.header(i).data(),
                               static_cast<int>(bundle.header(i).size())) ||
        !body.ParseFromArray(bytes->data(), static_cast<int>(bytes->size()))) {
      return base::DataLossError("log: entry {} cannot be read", sequence);
    }
    RecordState state{sequence, header.operation() != v1::OPERATION_UPSERT,
                      Fingerprint(body.record())};
    if (!state.deleted) {
      ASSIGN_OR_RETURN(state.division,
                       DivisionOf(static_cast<uint32_t>(header.type()),
                                  body.record(), &row));
    }
    RETURN_IF_ERROR(Put(body.key(), state));
  }
  return absl::OkStatus();
}

absl::Status RocksRecordIndex::RollForward(const ledger::LogStore& log,
                                           uint64_t from) {
  ledger::Bundle bundle;
  absl::Status status;
  const uint64_t size = log.Head().size();
  base::ProgressLog progress("bringing the state up to the log",
                             base::kEntries);
  RETURN_IF_ERROR(log.ReadBundles(from, [&](ledger::StoredBundle&& stored) {
    status = bundle.Decode(stored.bytes);
    if (status.ok()) status = TakeBundle(bundle, from);
    const uint64_t end = stored.first_sequence + bundle.count();
    if (status.ok() &&
        (current_.size() >= kRollForwardEntries || end == size)) {
      Committed(end);
    }
    progress.Show(end - from, size - from);
    return status.ok();
  }));
  return status;
}

absl::Status RocksRecordIndex::Load(const ledger::LogStore& log) {
  ASSIGN_OR_RETURN(const uint64_t position, LoadState());
  if (position > log.Head().size()) {
    return base::FailedPreconditionError(
        "the state reflects {} entries, the log has {}: the log is an old "
        "copy; restore it, or start with --rebuild-state",
        position, log.Head().size());
  }
  writer_ = std::thread([this] { WriteLoop(); });
  return RollForward(log, position);
}

absl::Status RocksRecordIndex::Scan(
    const std::function<void(std::string_view, const RecordState&)>& visit) {
  RETURN_IF_ERROR(Flush());
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const std::string_view key = ledger::ToView(it->key());
    if (key == kPositionKey) continue;
    ASSIGN_OR_RETURN(const RecordState state,
                     DecodeState(ledger::ToView(it->value())));
    visit(key, state);
  }
  return ledger::FromRocksdb(it->status(), "state");
}

absl::Status RocksRecordIndex::Flush() {
  WaitForWriter(0);
  return WriteError();
}

}  // namespace

uint64_t Fingerprint(std::string_view record) {
  return XXH3_64bits(record.data(), record.size());
}

absl::StatusOr<uint32_t> DivisionOf(uint32_t type, std::string_view record,
                                    records::Row* scratch) {
  const records::RecordSchema* schema = records::Schema::Get().Find(type);
  if (schema == nullptr || schema->division < 0) return 0;
  scratch->Reset(*schema);
  RETURN_IF_ERROR(records::DecodeRecord(record, scratch));
  return static_cast<uint32_t>(scratch->number(schema->division));
}

namespace {

absl::StatusOr<std::unique_ptr<RecordIndex>> OpenOnce(
    const RecordIndexOptions& options, const ledger::LogStore& log) {
  RETURN_IF_ERROR(base::OpenDerivedStore(options.directory, kIndexFormat,
                                         records::Schema::Get().fingerprint(),
                                         options.rebuild));
  // What a crash left before it was ingested; the log has it.
  RETURN_IF_ERROR(base::MakeEmptyDirectory(options.directory + kIngestFolder));
  rocksdb::Options database =
      ledger::DatabaseOptions(/*large_values=*/false, 8 << 20);
  database.level0_file_num_compaction_trigger = kMergeFiles;
  database.bottommost_compression = rocksdb::kDisableCompressionOption;
  database.table_factory->GetOptions<rocksdb::BlockBasedTableOptions>()
      ->block_size = kBlockBytes;
  rocksdb::DB* db = nullptr;
  RETURN_IF_ERROR(
      ledger::FromRocksdb(rocksdb::DB::Open(database, options.directory, &db),
                          "state " + options.directory));
  auto index = std::make_unique<RocksRecordIndex>(
      std::unique_ptr<rocksdb::DB>(db), options.entries_max);
  RETURN_IF_ERROR(index->Load(log));
  return index;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordIndex>> RecordIndex::Open(
    const RecordIndexOptions& options, const ledger::LogStore& log) {
  auto index = OpenOnce(options, log);
  if (!absl::IsDataLoss(index.status()) || options.rebuild) return index;
  spdlog::error("{}; it is made anew from the log",
                base::Message(index.status()));
  RecordIndexOptions rebuild = options;
  rebuild.rebuild = true;
  return OpenOnce(rebuild, log);
}

}  // namespace tongchou::node
