#include "aggregator/state/applier.h"

#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <list>
#include <thread>

#include "aggregator/state/cell_deltas.h"
#include "aggregator/state/figure_update.h"
#include "common/base/clock.h"
#include "common/base/logging.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/rocksdb_status.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::aggregator {
namespace {

constexpr size_t kPastBundlesMax = 32;
constexpr auto kIdle = std::chrono::milliseconds(200);
constexpr auto kSpaceRetry = std::chrono::microseconds(1'000'000);

absl::Status ParseEntry(const ledger::Bundle& bundle, size_t i,
                        v1::EntryHeader* header, v1::EntryBody* body) {
  const auto bytes = bundle.body(i);
  if (!bytes.has_value() ||
      !header->ParseFromArray(bundle.header(i).data(),
                              static_cast<int>(bundle.header(i).size())) ||
      !body->ParseFromArray(bytes->data(), static_cast<int>(bytes->size()))) {
    return base::DataLossError("journal: entry {} cannot be read",
                               bundle.first_sequence() + i);
  }
  return absl::OkStatus();
}

bool HasIndex(const records::RecordSchema& schema) {
  return std::any_of(
      schema.fields.begin(), schema.fields.end(),
      [](const records::FieldSchema& field) { return field.indexed; });
}

RecordVersion VersionOf(const v1::EntryHeader& header, v1::EntryBody* body) {
  RecordVersion version;
  version.sequence = header.sequence();
  version.commit_time_us = header.commit_time_us();
  version.previous = header.previous();
  version.deleted = header.operation() != v1::OPERATION_UPSERT;
  if (!version.deleted) version.record = std::move(*body->mutable_record());
  return version;
}

class JournalPast final : public PastReader {
 public:
  explicit JournalPast(const Journal* journal) : journal_(*journal) {}

  absl::StatusOr<RecordVersion> ReadVersion(uint32_t city,
                                            uint64_t sequence) override {
    ASSIGN_OR_RETURN(const ledger::Bundle* bundle, BundleOf(city, sequence));
    v1::EntryHeader header;
    v1::EntryBody body;
    RETURN_IF_ERROR(ParseEntry(*bundle, sequence - bundle->first_sequence(),
                               &header, &body));
    return VersionOf(header, &body);
  }

 private:
  absl::StatusOr<const ledger::Bundle*> BundleOf(uint32_t city,
                                                 uint64_t sequence) {
    for (auto it = cache_.begin(); it != cache_.end(); ++it) {
      const uint64_t first = it->second.first_sequence();
      if (it->first == city && sequence >= first &&
          sequence < first + it->second.count()) {
        cache_.splice(cache_.begin(), cache_, it);
        return &cache_.front().second;
      }
    }
    ledger::Bundle bundle;
    absl::Status status = base::DataLossError(
        "journal: entry {} of {} is missing", sequence, city);
    RETURN_IF_ERROR(
        journal_.ReadCity(city, sequence, [&](JournalBundle&& stored) {
          status = bundle.Decode(stored.bytes);
          return false;
        }));
    RETURN_IF_ERROR(status);
    cache_.emplace_front(city, std::move(bundle));
    if (cache_.size() > kPastBundlesMax) cache_.pop_back();
    return &cache_.front().second;
  }

  const Journal& journal_;
  std::list<std::pair<uint32_t, ledger::Bundle>> cache_;
};

class ThreadApplier final : public Applier {
 public:
  ThreadApplier(const Journal* journal, UnifiedState* state, Position position,
                std::function<void(const Position&)> applied)
      : journal_(*journal),
        state_(*state),
        applied_(std::move(applied)),
        past_(journal),
        target_(journal->last_ordinal()),
        position_(position),
        next_(std::move(position)),
        thread_([this] { Run(); }) {}

  ~ThreadApplier() override {
    {
      base::MutexLock lock(mutex_);
      stopping_ = true;
      changed_.NotifyAll();
    }
    thread_.join();
  }

  void Wake() override {
    base::MutexLock lock(mutex_);
    changed_.NotifyAll();
  }
  Position position() const override {
    base::MutexLock lock(mutex_);
    return position_;
  }
  bool caught_up() const override { return caught_up_; }
  absl::Status status() const override {
    base::MutexLock lock(mutex_);
    return status_;
  }

 private:
  void Run();
  absl::Status ApplyNew();
  absl::Status TakeBundle(const JournalBundle& stored);
  absl::Status TakeEntry(uint32_t city, const v1::EntryHeader& header,
                         v1::EntryBody* body);
  absl::Status ApplyBatch();
  absl::Status WriteWhenThereIsSpace(rocksdb::WriteBatch* writes);
  std::map<uint32_t, CityDays> DaysOfBatch() const;
  void PutRecords(const Batch& batch, rocksdb::WriteBatch* writes);
  void CollectIndexes(const Change& change, std::vector<std::string>* keys);

  const Journal& journal_;
  UnifiedState& state_;
  const std::function<void(const Position&)> applied_;
  JournalPast past_;
  const uint64_t target_;
  std::atomic<bool> caught_up_ = false;
  std::atomic<bool> halt_ = false;

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Position position_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);

  // Of the thread alone.
  Position next_;  // with what lies in changes_
  std::vector<Change> changes_;
  std::map<uint32_t, uint32_t> batch_days_;
  std::map<uint32_t, uint32_t> days_before_;
  CellTotals totals_;
  ledger::Bundle bundle_;
  v1::EntryHeader header_;
  v1::EntryBody body_;
  std::thread thread_;
};

void ThreadApplier::Run() {
  while (true) {
    const absl::Status status = ApplyNew();
    if (next_.ordinal >= target_) caught_up_ = true;
    base::MutexLock lock(mutex_);
    if (!status.ok()) {
      spdlog::error("unified database: stopped: {}", base::Describe(status));
      status_ = status;
      return;
    }
    if (stopping_) return;
    if (journal_.last_ordinal() <= position_.ordinal) {
      changed_.WaitFor(mutex_, kIdle);
    }
    if (stopping_) return;
  }
}

absl::Status ThreadApplier::ApplyNew() {
  absl::Status status;
  // The group at the position may have been applied in part.
  RETURN_IF_ERROR(journal_.ReadGroups(
      std::max<uint64_t>(next_.ordinal, 1), [&](JournalGroup&& group) {
        for (const JournalBundle& bundle : group.bundles) {
          status = TakeBundle(bundle);
          if (!status.ok()) return false;
        }
        next_.ordinal = group.ordinal;
        base::MutexLock lock(mutex_);
        return !stopping_;
      }));
  RETURN_IF_ERROR(status);
  return ApplyBatch();
}

absl::Status ThreadApplier::TakeBundle(const JournalBundle& stored) {
  if (stored.first_sequence + stored.count <= next_.cities[stored.city].size) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(bundle_.Decode(stored.bytes));
  for (size_t i = 0; i < bundle_.count(); ++i) {
    RETURN_IF_ERROR(ParseEntry(bundle_, i, &header_, &body_));
    if (header_.sequence() < next_.cities[stored.city].size) continue;
    RETURN_IF_ERROR(TakeEntry(stored.city, header_, &body_));
    if (header_.last_of_transaction() &&
        changes_.size() >= kApplyBatchChanges) {
      RETURN_IF_ERROR(ApplyBatch());
    }
  }
  return absl::OkStatus();
}

absl::Status ThreadApplier::TakeEntry(uint32_t city,
                                      const v1::EntryHeader& header,
                                      v1::EntryBody* body) {
  const uint32_t day = base::ChinaDay(header.commit_time_us());
  const auto known = batch_days_.find(city);
  if (known != batch_days_.end() && known->second != day) {
    RETURN_IF_ERROR(ApplyBatch());
  }
  CityPosition& position = next_.cities[city];
  if (!batch_days_.contains(city)) {
    batch_days_[city] = day;
    days_before_[city] =
        position.size == 0 ? 0 : base::ChinaDay(position.last_commit_time_us);
  }
  if (position.first_commit_day == 0) position.first_commit_day = day;
  position.size = header.sequence() + 1;
  position.last_commit_time_us = header.commit_time_us();
  Change change;
  change.row_key = RecordRowKey(body->key(), city);
  change.city = city;
  change.type = static_cast<uint32_t>(header.type());
  if (records::Schema::Get().Find(change.type) == nullptr ||
      records::TypeOfKey(body->key()) != change.type) {
    ++position.uninterpreted;
    change.type = 0;
  }
  change.after = VersionOf(header, body);
  changes_.push_back(std::move(change));
  return absl::OkStatus();
}

std::map<uint32_t, CityDays> ThreadApplier::DaysOfBatch() const {
  std::map<uint32_t, CityDays> cities;
  for (const auto& [code, position] : next_.cities) {
    if (position.size == 0) continue;
    const auto in_batch = batch_days_.find(code);
    if (in_batch == batch_days_.end()) {
      const uint32_t day = base::ChinaDay(position.last_commit_time_us);
      cities[code] = {day, day, false};
    } else {
      cities[code] = {days_before_.at(code), in_batch->second, true};
    }
  }
  return cities;
}

void ThreadApplier::CollectIndexes(const Change& change,
                                   std::vector<std::string>* keys) {
  const records::RecordSchema* schema =
      records::Schema::Get().Find(change.type);
  if (schema == nullptr || change.after.deleted || !HasIndex(*schema)) return;
  records::Row row(*schema);
  const RowKey key = ParseRowKey(change.row_key);
  if (!records::DecodeRow(key.record_key, change.after.record, &row).ok()) {
    return;
  }
  for (const records::FieldSchema& field : schema->fields) {
    if (!field.indexed || !row.has(field.index)) continue;
    std::string component;
    records::AppendComponent(row, field.index, &component);
    std::string index = IndexPrefix(field.code, component);
    index += std::string_view(change.row_key).substr(1);
    keys->push_back(std::move(index));
  }
}

void ThreadApplier::PutRecords(const Batch& batch,
                               rocksdb::WriteBatch* writes) {
  std::vector<std::string> indexes;
  for (const Change& change : batch.changes()) {
    const bool was = change.before.has_value() && !change.before->deleted;
    const bool is = !change.after.deleted;
    uint64_t& records = next_.cities[change.city].records;
    if (is && !was) ++records;
    if (was && !is) --records;
    writes->Put(change.row_key, EncodeVersion(change.after));
    CollectIndexes(change, &indexes);
  }
  // Sorted, each insert into the memtable finds its place beside the last.
  std::sort(indexes.begin(), indexes.end());
  for (const std::string& index : indexes) writes->Put(index, "");
}

// A full disk holds the database up; it goes on when there is space.
absl::Status ThreadApplier::WriteWhenThereIsSpace(rocksdb::WriteBatch* writes) {
  absl::Status status = state_.Write(writes, next_);
  while (absl::IsResourceExhausted(status)) {
    spdlog::error("unified database: {}", base::Message(status));
    {
      base::MutexLock lock(mutex_);
      if (stopping_) return status;
      changed_.WaitFor(mutex_, kSpaceRetry);
    }
    status = ledger::ResumeWrites(state_.db(), "unified database");
    if (status.ok()) status = state_.Write(writes, next_);
  }
  return status;
}

absl::Status ThreadApplier::ApplyBatch() {
  if (!changes_.empty()) {
    const auto snapshot = state_.Snapshot();
    Batch batch(std::move(changes_), snapshot.get(), &past_);
    changes_.clear();
    RETURN_IF_ERROR(batch.Load());
    CellDeltas deltas;
    RETURN_IF_ERROR(CollectDeltas(&batch, DaysOfBatch(), &deltas));
    rocksdb::WriteBatch writes;
    PutRecords(batch, &writes);
    RETURN_IF_ERROR(totals_.Apply(deltas, *snapshot, &writes));
    RETURN_IF_ERROR(WriteWhenThereIsSpace(&writes));
  }
  batch_days_.clear();
  days_before_.clear();
  {
    base::MutexLock lock(mutex_);
    position_ = next_;
  }
  applied_(next_);
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<PastReader> MakePastReader(const Journal* journal) {
  return std::make_unique<JournalPast>(journal);
}

absl::StatusOr<std::unique_ptr<Applier>> Applier::Start(
    const Journal* journal, UnifiedState* state,
    std::function<void(const Position&)> applied) {
  ASSIGN_OR_RETURN(Position position, state->Snapshot()->ReadPosition());
  if (position.ordinal > journal->last_ordinal()) {
    return base::FailedPreconditionError(
        "the unified database reflects ordinal {}, the journal ends at {}: the "
        "journal is an old copy; restore it, or start with --rebuild-state",
        position.ordinal, journal->last_ordinal());
  }
  return std::make_unique<ThreadApplier>(journal, state, std::move(position),
                                         std::move(applied));
}

}  // namespace tongchou::aggregator
