#include "aggregator/state/applier.h"

#include <endian.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <list>
#include <thread>

#include "aggregator/state/cell_deltas.h"
#include "aggregator/state/difficult_units.h"
#include "aggregator/state/figure_update.h"
#include "aggregator/state/row_filter.h"
#include "common/base/clock.h"
#include "common/base/logging.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/entry_view.h"
#include "common/ledger/rocksdb_status.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::aggregator {
namespace {

constexpr size_t kPastBundlesMax = 32;
// Rows of the database for each change of a batch below which the batch goes
// through the database rather than look up persons one by one.
constexpr uint64_t kNeighbourRows = 16;
constexpr auto kIdle = std::chrono::milliseconds(200);
constexpr auto kSpaceRetry = std::chrono::microseconds(1'000'000);

absl::Status ReadEntry(const ledger::Bundle& bundle, size_t i,
                       ledger::HeaderView* header, ledger::BodyView* body) {
  const auto bytes = bundle.body(i);
  if (!bytes.has_value() || !ledger::ReadHeader(bundle.header(i), header) ||
      !ledger::ReadBody(*bytes, body)) {
    return base::DataLossError("journal: entry {} cannot be read",
                               bundle.first_sequence() + i);
  }
  return absl::OkStatus();
}

std::string_view MakeRowKey(std::string_view record_key, uint32_t city,
                            Arena* arena) {
  const char tail[] = {static_cast<char>(city >> 16),
                       static_cast<char>(city >> 8), static_cast<char>(city)};
  char* key = arena->Allocate(1 + record_key.size() + sizeof(tail));
  key[0] = 'R';
  record_key.copy(key + 1, record_key.size());
  std::memcpy(key + 1 + record_key.size(), tail, sizeof(tail));
  return {key, 1 + record_key.size() + sizeof(tail)};
}

// Index keys by the part that tells them apart first: behind 'X', field code
// and 00.
void SortIndexes(std::vector<StatePut>* indexes) {
  constexpr size_t kCommonBytes = 8;
  const auto number = [](std::string_view key, size_t at) {
    uint64_t value = 0;
    if (key.size() >= at + sizeof(value)) {
      std::memcpy(&value, key.data() + at, sizeof(value));
    }
    return be64toh(value);
  };
  struct Keyed {
    uint64_t field;
    uint64_t value;
    StatePut put;
  };
  std::vector<Keyed> keyed;
  keyed.reserve(indexes->size());
  for (const StatePut& put : *indexes) {
    keyed.push_back({number(put.key, 0), number(put.key, kCommonBytes), put});
  }
  std::sort(keyed.begin(), keyed.end(), [](const Keyed& a, const Keyed& b) {
    if (a.field != b.field) return a.field < b.field;
    if (a.value != b.value) return a.value < b.value;
    return a.put.key < b.put.key;
  });
  for (size_t i = 0; i < keyed.size(); ++i) (*indexes)[i] = keyed[i].put;
}

RecordVersion VersionOf(const ledger::HeaderView& header,
                        const ledger::BodyView& body, Arena* arena) {
  RecordVersion version;
  version.sequence = header.sequence;
  version.commit_time_us = header.commit_time_us;
  version.previous = header.previous;
  version.deleted = header.operation != v1::OPERATION_UPSERT;
  if (!version.deleted) version.record = arena->Copy(body.record);
  return version;
}

class JournalPast final : public PastReader {
 public:
  explicit JournalPast(const Journal* journal) : journal_(*journal) {}

  absl::StatusOr<RecordVersion> ReadVersion(uint32_t city, uint64_t sequence,
                                            Arena* arena) override {
    ASSIGN_OR_RETURN(const ledger::Bundle* bundle, BundleOf(city, sequence));
    ledger::HeaderView header;
    ledger::BodyView body;
    RETURN_IF_ERROR(ReadEntry(*bundle, sequence - bundle->first_sequence(),
                              &header, &body));
    return VersionOf(header, body, arena);
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
                DifficultUnits units,
                std::function<void(const Position&)> applied)
      : journal_(*journal),
        state_(*state),
        applied_(std::move(applied)),
        past_(journal),
        known_(state),
        units_(std::move(units)),
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
  absl::Status StartDay(uint32_t city, const ledger::HeaderView& header,
                        CityPosition* position);
  void TakeEntry(uint32_t city, const ledger::HeaderView& header,
                 const ledger::BodyView& body, CityPosition* position);
  absl::Status ApplyBatch();
  absl::Status ApplyChanges();
  absl::Status WriteWhenThereIsSpace(const std::vector<StatePut>& puts);
  std::map<uint32_t, CityDays> DaysOfBatch() const;
  void PutRecords(const Batch& batch, std::vector<StatePut>* puts);
  bool DecodeIndexed(const Change& change,
                     const std::optional<RecordVersion>& version,
                     records::Row* row) const;
  void AddIndexes(const Change& change, std::vector<StatePut>* indexes);
  void Remember(const Batch& batch, const FactReader::UnitChanges& units);

  const Journal& journal_;
  UnifiedState& state_;
  const std::function<void(const Position&)> applied_;
  JournalPast past_;
  RowFilter known_;
  DifficultUnits units_;
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
  Arena arena_;    // of the changes
  std::vector<Change> changes_;
  records::Row row_before_;
  records::Row row_after_;
  std::map<uint32_t, uint32_t> batch_days_;
  std::map<uint32_t, uint32_t> days_before_;
  CellTotals totals_;
  ledger::Bundle bundle_;
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
  ledger::HeaderView header;
  ledger::BodyView body;
  CityPosition& position = next_.cities[stored.city];
  for (size_t i = 0; i < bundle_.count(); ++i) {
    RETURN_IF_ERROR(ReadEntry(bundle_, i, &header, &body));
    if (header.sequence < position.size) continue;
    RETURN_IF_ERROR(StartDay(stored.city, header, &position));
    TakeEntry(stored.city, header, body, &position);
    if (header.last_of_transaction && changes_.size() >= kApplyBatchChanges) {
      RETURN_IF_ERROR(ApplyBatch());
    }
  }
  return absl::OkStatus();
}

// A batch has one commit day of each city.
absl::Status ThreadApplier::StartDay(uint32_t city,
                                     const ledger::HeaderView& header,
                                     CityPosition* position) {
  const uint32_t day = base::ChinaDay(header.commit_time_us);
  auto known = batch_days_.find(city);
  if (known != batch_days_.end() && known->second == day) {
    return absl::OkStatus();
  }
  if (known != batch_days_.end()) RETURN_IF_ERROR(ApplyBatch());
  batch_days_[city] = day;
  days_before_[city] =
      position->size == 0 ? 0 : base::ChinaDay(position->last_commit_time_us);
  if (position->first_commit_day == 0) position->first_commit_day = day;
  return absl::OkStatus();
}

void ThreadApplier::TakeEntry(uint32_t city, const ledger::HeaderView& header,
                              const ledger::BodyView& body,
                              CityPosition* position) {
  position->size = header.sequence + 1;
  position->last_commit_time_us = header.commit_time_us;
  Change change;
  change.row_key = MakeRowKey(body.key, city, &arena_);
  change.city = city;
  change.type = header.type;
  if (records::Schema::Get().Find(change.type) == nullptr ||
      records::TypeOfKey(body.key) != change.type) {
    ++position->uninterpreted;
    change.type = 0;
  }
  change.after = VersionOf(header, body, &arena_);
  changes_.push_back(change);
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

bool ThreadApplier::DecodeIndexed(const Change& change,
                                  const std::optional<RecordVersion>& version,
                                  records::Row* row) const {
  const records::RecordSchema* schema =
      records::Schema::Get().Find(change.type);
  if (schema == nullptr || schema->indexed_fields.empty() ||
      !version.has_value() || version->deleted) {
    return false;
  }
  row->Reset(*schema);
  return (schema->key_indexed
              ? records::DecodeRow(change.record_key(), version->record, row)
              : records::DecodeRecord(version->record, row))
      .ok();
}

// What the record had before is indexed already.
void ThreadApplier::AddIndexes(const Change& change,
                               std::vector<StatePut>* indexes) {
  if (!DecodeIndexed(change, change.after, &row_after_)) return;
  const bool existed = DecodeIndexed(change, change.before, &row_before_);
  const std::string_view tail = change.row_key.substr(1);
  std::string component;
  std::string component_before;
  for (const int field : row_after_.schema().indexed_fields) {
    if (!row_after_.has(field)) continue;
    component.clear();
    records::AppendComponent(row_after_, field, &component);
    if (existed && row_before_.has(field)) {
      component_before.clear();
      records::AppendComponent(row_before_, field, &component_before);
      if (component_before == component) continue;
    }
    const std::string& code = row_after_.schema().fields[field].code;
    indexes->push_back({arena_.Join(IndexPrefix(code, component), tail), {}});
  }
}

void ThreadApplier::PutRecords(const Batch& batch,
                               std::vector<StatePut>* puts) {
  std::vector<StatePut> indexes;
  puts->reserve(puts->size() + 2 * batch.changes().size());
  absl::flat_hash_map<uint32_t, int64_t> added;  // records, by city
  for (const Change& change : batch.changes()) {
    const bool was = change.before.has_value() && !change.before->deleted;
    added[change.city] += (change.after.deleted ? 0 : 1) - (was ? 1 : 0);
    puts->push_back({change.row_key, change.value});
    AddIndexes(change, &indexes);
  }
  for (const auto& [city, count] : added) {
    next_.cities[city].records += static_cast<uint64_t>(count);
  }
  SortIndexes(&indexes);
  puts->insert(puts->end(), indexes.begin(), indexes.end());
}

// A full disk holds the database up; it goes on when there is space.
absl::Status ThreadApplier::WriteWhenThereIsSpace(
    const std::vector<StatePut>& puts) {
  absl::Status status = state_.Write(puts, next_);
  while (absl::IsResourceExhausted(status)) {
    spdlog::error("unified database: {}", base::Message(status));
    {
      base::MutexLock lock(mutex_);
      if (stopping_) return status;
      changed_.WaitFor(mutex_, kSpaceRetry);
    }
    status = ledger::ResumeWrites(state_.db(), "unified database");
    if (status.ok()) status = state_.Write(puts, next_);
  }
  return status;
}

void ThreadApplier::Remember(const Batch& batch,
                             const FactReader::UnitChanges& units) {
  for (const Change& change : batch.changes()) known_.Add(change.row_key);
  for (const auto& [unit, facts] : units) {
    units_.Set(unit.first, unit.second, facts);
  }
}

absl::Status ThreadApplier::ApplyChanges() {
  const auto snapshot = state_.Snapshot();
  uint64_t records = 0;
  for (const auto& [city, position] : next_.cities) records += position.records;
  if (records < changes_.size() * kNeighbourRows) snapshot->ExpectNeighbours();
  Batch batch(changes_, &arena_, snapshot.get(), &past_, &known_);
  changes_.clear();
  RETURN_IF_ERROR(batch.Load());
  FactReader facts(&batch, &units_);
  CellDeltas deltas;
  RETURN_IF_ERROR(CollectDeltas(&batch, DaysOfBatch(), &facts, &deltas));
  std::vector<StatePut> puts;
  RETURN_IF_ERROR(totals_.Apply(deltas.Take(), *snapshot, &arena_, &puts));
  PutRecords(batch, &puts);
  RETURN_IF_ERROR(WriteWhenThereIsSpace(puts));
  Remember(batch, facts.changed_units());
  return absl::OkStatus();
}

absl::Status ThreadApplier::ApplyBatch() {
  if (!changes_.empty()) RETURN_IF_ERROR(ApplyChanges());
  arena_.Clear();
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
  DifficultUnits units;
  RETURN_IF_ERROR(units.Load(*state->Snapshot()));
  return std::make_unique<ThreadApplier>(journal, state, std::move(position),
                                         std::move(units), std::move(applied));
}

}  // namespace tongchou::aggregator
