#include "aggregator/state/applier.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <limits>
#include <list>
#include <thread>

#include "aggregator/state/cell_deltas.h"
#include "aggregator/state/difficult_units.h"
#include "aggregator/state/draft.h"
#include "aggregator/state/figure_update.h"
#include "aggregator/state/index_keys.h"
#include "aggregator/state/row_filter.h"
#include "common/base/cpu_account.h"
#include "common/base/logging.h"
#include "common/base/mutex.h"
#include "common/base/progress_line.h"
#include "common/base/status.h"
#include "common/base/thread_name.h"
#include "common/base/thread_priority.h"
#include "common/ledger/bundle.h"
#include "common/ledger/rocksdb_status.h"

namespace tongchou::aggregator {
namespace {

base::CpuAccount evaluating("evaluate");
base::CpuAccount counting("counters");
base::CpuAccount indexing("indexes");
base::CpuAccount writing("state");

constexpr size_t kPastBundlesMax = 32;
constexpr size_t kExpectAhead = 8;
// Persons of a batch that one of two threads takes at a time.
constexpr size_t kSharedPersonsMax = 2'048;
// Rows of the database for each change of a batch below which the batch goes
// through the database rather than look up persons one by one.
constexpr uint64_t kNeighbourRows = 16;
constexpr base::ProgressUnit kGroups{"groups", 1};
constexpr auto kIdle = std::chrono::milliseconds(200);
// A burst of large batches is over when none has come for so long, and nothing
// is left to do. In a burst one comes at least every kEarlyBatchTime.
constexpr auto kBurstPause = kEarlyBatchTime + std::chrono::milliseconds(100);
constexpr auto kSpaceRetry = std::chrono::microseconds(1'000'000);

size_t DecodedBytes(const JournalGroup& group) {
  size_t bytes = 0;
  for (const JournalBundle& bundle : group.bundles) {
    if (bundle.decoded != nullptr) bytes += bundle.decoded->raw_bytes();
  }
  return bytes;
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
    RecordVersion version = VersionOf(header, body);
    version.record = arena->Copy(version.record);
    return version;
  }

 private:
  absl::StatusOr<const ledger::Bundle*> BundleOf(uint32_t city,
                                                 uint64_t sequence) {
    for (auto it = cache_.begin(); it != cache_.end(); ++it) {
      const ledger::BundleRange& range = it->second->range();
      if (it->first == city && sequence >= range.first_sequence &&
          sequence < range.end()) {
        cache_.splice(cache_.begin(), cache_, it);
        return it->second.get();
      }
    }
    auto bundle = std::make_unique<ledger::Bundle>();
    absl::Status status = base::DataLossError(
        "journal: entry {} of {} is missing", sequence, city);
    RETURN_IF_ERROR(
        journal_.ReadCity(city, sequence, [&](JournalBundle&& stored) {
          status = bundle->Decode(stored.bytes);
          return false;
        }));
    RETURN_IF_ERROR(status);
    cache_.emplace_front(city, std::move(bundle));
    if (cache_.size() > kPastBundlesMax) cache_.pop_back();
    return cache_.front().second.get();
  }

  const Journal& journal_;
  std::list<std::pair<uint32_t, std::unique_ptr<ledger::Bundle>>> cache_;
};

// Applies drafts, one at a time, in their order.
class DraftApplier {
 public:
  DraftApplier(const Journal* journal, UnifiedState* state,
               const Position& position, DifficultUnits units,
               std::function<bool()> wait_for_space)
      : state_(*state),
        wait_for_space_(std::move(wait_for_space)),
        past_(journal),
        helpers_past_(journal),
        known_(state),
        units_(std::move(units)) {
    for (const auto& [city, one] : position.cities)
      records_[city] = one.records;
  }

  // Fills in the numbers of records.
  absl::Status Apply(Draft* draft);
  // What the next batch shall have at most. Any thread.
  size_t changes_max() const {
    return updates_ ? kUpdateBatchChanges : new_changes_max_.load();
  }
  // A large batch is on its way; of the kind that the last one was. Any thread.
  void GoOnWithBurst() {
    state_.SetBurst(updates_ ? Burst::kOfUpdates : Burst::kOfNewRecords);
  }
  // What comes next may be of another kind. Nothing is being applied.
  void EndBurst() {
    updates_ = false;
    state_.SetBurst(Burst::kNone);
  }
  // See Applier. Any thread.
  uint64_t steps() const { return steps_ + state_.steps(); }

 private:
  absl::Status ApplyChanges(Draft* draft);
  void TakeTime(size_t changes, std::chrono::duration<double> took);
  std::unique_ptr<StateSnapshot> SnapshotFor(size_t changes) const;
  // Worth a second thread.
  bool IsForTwo(const Draft& draft) const {
    return draft.changes.size() >=
           std::min(kHandOverChanges, state_.ingest_puts());
  }
  // The persons; perhaps the keys of indexes.
  absl::Status Evaluate(Draft* draft, const Evaluator& evaluator,
                        std::vector<StatePut>* keys);
  absl::Status AddPersons(const DeltaCollector& collector, size_t share,
                          std::atomic<size_t>* next,
                          const Evaluator& evaluator);
  absl::Status EvaluateTogether(Draft* draft, const Evaluator& evaluator,
                                const DeltaCollector& collector,
                                std::vector<StatePut>* keys);
  std::vector<StatePut> KeysOf(const Batch& batch, IndexKeys::Which which,
                               Arena* arena);
  absl::Status WriteWhenThereIsSpace(const std::vector<StatePut>& puts,
                                     const Position& position);
  void PutRecords(const Batch& batch, std::vector<StatePut>* puts);
  void SetRecords(Position* position) const;
  void Remember(const Batch& batch, const FactReader::UnitChanges& units);
  absl::Status WriteAndRemember(const Draft& draft,
                                const std::vector<StatePut>& puts,
                                const Batch& batch,
                                const FactReader::UnitChanges& units);

  UnifiedState& state_;
  // Waits a little; false when it is time to stop.
  const std::function<bool()> wait_for_space_;
  JournalPast past_;
  JournalPast helpers_past_;
  Arena helpers_arena_;  // of the draft that is applied
  RowFilter known_;
  DifficultUnits units_;
  CellTotals totals_;
  IndexKeys indexes_;
  std::map<uint32_t, uint64_t> records_;  // live ones, by city
  // Most of what the last large batch of this burst changed was there before.
  std::atomic<bool> updates_ = false;
  std::atomic<size_t> new_changes_max_ = kNewBatchChangesMin;
  std::atomic<uint64_t> steps_ = 0;
};

std::vector<StatePut> DraftApplier::KeysOf(const Batch& batch,
                                           IndexKeys::Which which,
                                           Arena* arena) {
  const base::CpuScope scope(indexing);
  return indexes_.Of(batch, which, arena);
}

void DraftApplier::PutRecords(const Batch& batch, std::vector<StatePut>* puts) {
  absl::flat_hash_map<uint32_t, int64_t> added;  // records, by city
  size_t existed = 0;
  for (const Change& change : batch.changes()) {
    existed += change.before.has_value() ? 1 : 0;
    const bool was = change.before.has_value() && !change.before->deleted;
    added[change.city] += (change.after.deleted ? 0 : 1) - (was ? 1 : 0);
    puts->push_back({change.row_key, change.value});
  }
  for (const auto& [city, count] : added) {
    records_[city] += static_cast<uint64_t>(count);
  }
  if (batch.changes().size() >= kHandOverChanges) {
    updates_ = existed > batch.changes().size() / 2;
  }
}

// A full disk holds the database up; it goes on when there is space.
absl::Status DraftApplier::WriteWhenThereIsSpace(
    const std::vector<StatePut>& puts, const Position& position) {
  const base::CpuScope scope(writing);
  absl::Status status = state_.Write(puts, position);
  ++steps_;
  while (absl::IsResourceExhausted(status)) {
    spdlog::error("unified database: {}", base::Message(status));
    if (!wait_for_space_()) return status;
    status = ledger::ResumeWrites(state_.db(), "unified database");
    if (status.ok()) status = state_.Write(puts, position);
  }
  return status;
}

void DraftApplier::SetRecords(Position* position) const {
  for (const auto& [city, count] : records_) {
    position->cities[city].records = count;
  }
}

void DraftApplier::Remember(const Batch& batch,
                            const FactReader::UnitChanges& units) {
  const auto changes = batch.changes();
  for (size_t i = 0; i < changes.size(); ++i) {
    if (i + kExpectAhead < changes.size()) {
      known_.Expect(changes[i + kExpectAhead].row_key);
    }
    known_.Add(changes[i].row_key);
  }
  for (const auto& [unit, facts] : units) {
    units_.Set(unit.first, unit.second, facts);
  }
}

// Of a batch that cannot be written nothing else is applied, so it does not
// matter what is remembered of it.
absl::Status DraftApplier::WriteAndRemember(
    const Draft& draft, const std::vector<StatePut>& puts, const Batch& batch,
    const FactReader::UnitChanges& units) {
  if (!IsForTwo(draft)) {
    RETURN_IF_ERROR(WriteWhenThereIsSpace(puts, draft.position));
    Remember(batch, units);
    return absl::OkStatus();
  }
  std::thread helper([&] {
    base::NameThread("apply-help");
    const base::CpuScope scope(evaluating);
    Remember(batch, units);
  });
  const absl::Status written = WriteWhenThereIsSpace(puts, draft.position);
  helper.join();
  return written;
}

std::unique_ptr<StateSnapshot> DraftApplier::SnapshotFor(size_t changes) const {
  auto snapshot = state_.Snapshot();
  uint64_t records = 0;
  for (const auto& [city, count] : records_) records += count;
  if (records < changes * kNeighbourRows) snapshot->ExpectNeighbours();
  return snapshot;
}

// Those that nobody has taken yet, a share at a time.
absl::Status DraftApplier::AddPersons(const DeltaCollector& collector,
                                      size_t share, std::atomic<size_t>* next,
                                      const Evaluator& evaluator) {
  const size_t persons = collector.persons();
  while (true) {
    const size_t begin = next->fetch_add(share);
    if (begin >= persons) return absl::OkStatus();
    RETURN_IF_ERROR(collector.AddPersons(
        begin, std::min(begin + share, persons), evaluator));
    ++steps_;
  }
}

// Some of the persons on another thread: towards the end of a load there is
// nothing else to do. While records are new it also makes the keys of indexes,
// of those few that are not, too, all: what they were before is being read.
// Where stored ones change, both threads go through the same rows of the
// database, and the other takes what processor time nobody else wants.
absl::Status DraftApplier::EvaluateTogether(Draft* draft,
                                            const Evaluator& evaluator,
                                            const DeltaCollector& collector,
                                            std::vector<StatePut>* keys) {
  const size_t share =
      std::clamp<size_t>(collector.persons() / 8, 1, kSharedPersonsMax);
  std::atomic<size_t> next = 0;
  const auto snapshot = SnapshotFor(draft->changes.size());
  Batch batch(draft->changes, &helpers_arena_, snapshot.get(), &helpers_past_,
              &known_);
  FactReader facts(&batch, &units_);
  CellDeltas deltas;
  absl::Status status;
  std::thread helper([&] {
    base::NameThread("apply-help");
    if (updates_) {
      base::LowerThreadPriority(base::kNiceIdle);
    } else {
      *keys = KeysOf(batch, IndexKeys::kAll, &helpers_arena_);
    }
    const base::CpuScope scope(evaluating);
    status = AddPersons(collector, share, &next, {&batch, &facts, &deltas});
  });
  const absl::Status own = AddPersons(collector, share, &next, evaluator);
  helper.join();
  RETURN_IF_ERROR(own);
  RETURN_IF_ERROR(status);
  evaluator.deltas->AddAll(deltas);
  return absl::OkStatus();
}

absl::Status DraftApplier::Evaluate(Draft* draft, const Evaluator& evaluator,
                                    std::vector<StatePut>* keys) {
  ASSIGN_OR_RETURN(const auto collector,
                   DeltaCollector::Start(evaluator, draft->days));
  if (IsForTwo(*draft)) {
    RETURN_IF_ERROR(EvaluateTogether(draft, evaluator, *collector, keys));
  } else {
    std::atomic<size_t> next = 0;
    RETURN_IF_ERROR(
        AddPersons(*collector, kSharedPersonsMax, &next, evaluator));
  }
  return collector->AddTheRest();
}

// Of a batch all but writing it, which may wait for files that are merged:
// where everybody wants a processor it takes long, and figures wait for all of
// it.
void DraftApplier::TakeTime(size_t changes,
                            std::chrono::duration<double> took) {
  if (changes < kHandOverChanges) return;
  const double in_time = static_cast<double>(changes) * (kNewBatchTime / took);
  new_changes_max_ = static_cast<size_t>(
      std::clamp<double>(in_time, kNewBatchChangesMin, kNewBatchChanges));
}

absl::Status DraftApplier::ApplyChanges(Draft* draft) {
  const base::CpuScope scope(evaluating);
  const auto started = std::chrono::steady_clock::now();
  const auto snapshot = SnapshotFor(draft->changes.size());
  Arena* arena = &draft->arena;
  Batch batch(draft->changes, arena, snapshot.get(), &past_, &known_);
  RETURN_IF_ERROR(batch.Load([this] { ++steps_; }));
  FactReader facts(&batch, &units_);
  CellDeltas deltas;
  std::vector<StatePut> keys;
  RETURN_IF_ERROR(Evaluate(draft, {&batch, &facts, &deltas}, &keys));
  if (keys.empty()) keys = KeysOf(batch, IndexKeys::kNew, arena);
  std::vector<StatePut> puts;
  {
    const base::CpuScope counters(counting);
    RETURN_IF_ERROR(totals_.Apply(deltas.Take(), *snapshot, arena, &puts));
  }
  puts.reserve(puts.size() + batch.changes().size() + keys.size());
  PutRecords(batch, &puts);
  puts.insert(puts.end(), keys.begin(), keys.end());
  SetRecords(&draft->position);
  TakeTime(draft->changes.size(), std::chrono::steady_clock::now() - started);
  RETURN_IF_ERROR(WriteAndRemember(*draft, puts, batch, facts.changed_units()));
  helpers_arena_.Clear();
  return absl::OkStatus();
}

absl::Status DraftApplier::Apply(Draft* draft) {
  if (!draft->changes.empty()) return ApplyChanges(draft);
  SetRecords(&draft->position);
  return absl::OkStatus();
}

class ThreadApplier final : public Applier {
 public:
  ThreadApplier(const Journal* journal, UnifiedState* state, Position position,
                DifficultUnits units,
                std::function<void(const Position&)> applied)
      : journal_(*journal),
        applied_(std::move(applied)),
        drafts_(journal, state, position, std::move(units),
                [this] { return WaitForSpace(); }),
        maker_(
            position,
            [this](std::unique_ptr<Draft> draft) {
              return Take(std::move(draft));
            },
            [this] { return IsIdle(); },
            [this] { return drafts_.changes_max(); }),
        next_(std::max<uint64_t>(position.ordinal, 1)),
        target_(journal->last_ordinal()),
        first_(position.ordinal),
        caught_up_(position.ordinal >= target_),
        position_(std::move(position)),
        worker_([this] { Work(); }),
        reader_([this] { Read(); }) {}

  ~ThreadApplier() override {
    {
      base::MutexLock lock(mutex_);
      stopping_ = true;
      changed_.NotifyAll();
    }
    reader_.join();
    worker_.join();
  }

  void Offer(JournalGroup group) override;
  Position position() const override {
    base::MutexLock lock(mutex_);
    return position_;
  }
  uint64_t WaitFor(uint32_t city, uint64_t size,
                   std::chrono::microseconds timeout) const override;
  bool caught_up() const override { return caught_up_; }
  uint64_t steps() const override { return drafts_.steps(); }
  absl::Status status() const override {
    base::MutexLock lock(mutex_);
    return status_;
  }

 private:
  void Read();
  absl::Status ReadNew();
  absl::Status ReadJournal();
  std::optional<JournalGroup> NextOffered();
  uint64_t FirstOffered();
  absl::Status TakeGroup(const JournalGroup& group);
  absl::Status Take(std::unique_ptr<Draft> draft);
  bool IsIdle() const;
  void EndBurst();
  void Work();
  absl::Status ApplyDraft(std::unique_ptr<Draft> draft);
  void Stop(const absl::Status& status);
  bool WaitForSpace();

  const Journal& journal_;
  const std::function<void(const Position&)> applied_;
  DraftApplier drafts_;  // whose turn it is: the worker's while it is busy
  DraftMaker maker_;     // the reader's
  uint64_t next_;        // ordinal, the reader's
  std::chrono::steady_clock::time_point last_large_;  // the reader's
  const uint64_t target_;
  const uint64_t first_;
  std::atomic<bool> caught_up_;
  base::ProgressLog catching_up_{
      "bringing the unified database up to the journal", kGroups};

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<JournalGroup> offered_ ABSL_GUARDED_BY(mutex_);  // ascending
  size_t offered_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Position position_ ABSL_GUARDED_BY(mutex_);
  mutable base::CondVar position_changed_;  // or it will not any more
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Draft> waiting_ ABSL_GUARDED_BY(mutex_);  // for the worker
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;               // the worker is

  std::thread worker_;
  std::thread reader_;
};

uint64_t ThreadApplier::WaitFor(uint32_t city, uint64_t size,
                                std::chrono::microseconds timeout) const {
  const auto end = std::chrono::steady_clock::now() + timeout;
  base::MutexLock lock(mutex_);
  while (true) {
    const auto one = position_.cities.find(city);
    const uint64_t applied =
        one == position_.cities.end() ? 0 : one->second.size;
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(
        end - std::chrono::steady_clock::now());
    if (applied >= size || !status_.ok() || left.count() <= 0) return applied;
    position_changed_.WaitFor(mutex_, left);
  }
}

bool ThreadApplier::WaitForSpace() {
  base::MutexLock lock(mutex_);
  if (!stopping_) changed_.WaitFor(mutex_, kSpaceRetry);
  return !stopping_;
}

void ThreadApplier::Stop(const absl::Status& status) {
  spdlog::error("unified database: stopped: {}", base::Describe(status));
  base::MutexLock lock(mutex_);
  if (status_.ok()) status_ = status;
  changed_.NotifyAll();
  position_changed_.NotifyAll();
}

void ThreadApplier::Read() {
  base::NameThread("apply-read");
  while (true) {
    const absl::Status status = ReadNew();
    if (!status.ok()) {
      {
        base::MutexLock lock(mutex_);
        if (stopping_ || !status_.ok()) return;
      }
      return Stop(status);
    }
    EndBurst();
    base::MutexLock lock(mutex_);
    if (stopping_) return;
    if (journal_.last_ordinal() < next_) changed_.WaitFor(mutex_, kIdle);
    if (stopping_) return;
  }
}

void ThreadApplier::Offer(JournalGroup group) {
  const size_t bytes = DecodedBytes(group);
  base::MutexLock lock(mutex_);
  if (bytes != 0 && offered_bytes_ + bytes <= kOfferedBytesMax) {
    offered_bytes_ += bytes;
    for (JournalBundle& bundle : group.bundles) {
      if (bundle.decoded != nullptr) std::string().swap(bundle.bytes);
    }
    offered_.push_back(std::move(group));
  }
  changed_.NotifyAll();
}

// The group at next_, if it is there.
std::optional<JournalGroup> ThreadApplier::NextOffered() {
  base::MutexLock lock(mutex_);
  while (!offered_.empty() && offered_.front().ordinal <= next_) {
    JournalGroup group = std::move(offered_.front());
    offered_.pop_front();
    offered_bytes_ -= DecodedBytes(group);
    if (group.ordinal == next_) return group;
  }
  return std::nullopt;
}

uint64_t ThreadApplier::FirstOffered() {
  base::MutexLock lock(mutex_);
  return offered_.empty() ? std::numeric_limits<uint64_t>::max()
                          : offered_.front().ordinal;
}

absl::Status ThreadApplier::TakeGroup(const JournalGroup& group) {
  for (const JournalBundle& bundle : group.bundles) {
    RETURN_IF_ERROR(maker_.Take(bundle));
  }
  maker_.EndGroup(group.ordinal);
  next_ = group.ordinal + 1;
  base::MutexLock lock(mutex_);
  return stopping_ ? base::AbortedError("stopping") : absl::OkStatus();
}

// From next_ to where memory goes on.
absl::Status ThreadApplier::ReadJournal() {
  const uint64_t end = FirstOffered();
  if (end <= next_) return absl::OkStatus();
  absl::Status status;
  RETURN_IF_ERROR(journal_.ReadGroups(next_, [&](JournalGroup&& group) {
    if (group.ordinal >= end) return false;
    status = TakeGroup(group);
    return status.ok();
  }));
  return status;
}

absl::Status ThreadApplier::ReadNew() {
  while (next_ <= journal_.last_ordinal()) {
    RETURN_IF_ERROR(ReadJournal());
    while (const auto group = NextOffered()) {
      RETURN_IF_ERROR(TakeGroup(*group));
    }
  }
  return maker_.Finish();
}

// Called by the reader: to the worker, or, when nothing is before it, straight
// into the database.
absl::Status ThreadApplier::Take(std::unique_ptr<Draft> draft) {
  const bool small = draft->changes.size() < kHandOverChanges;
  if (!small) drafts_.GoOnWithBurst();
  {
    base::MutexLock lock(mutex_);
    // A third batch would only take memory: reading is the shorter part.
    while ((waiting_ != nullptr || busy_) && !stopping_ && status_.ok()) {
      changed_.Wait(mutex_);
    }
    RETURN_IF_ERROR(status_);
    if (stopping_) return base::AbortedError("stopping");
    if (!small) {
      waiting_ = std::move(draft);
      last_large_ = std::chrono::steady_clock::now();
      changed_.NotifyAll();
      return absl::OkStatus();
    }
  }
  return ApplyDraft(std::move(draft));
}

void ThreadApplier::EndBurst() {
  if (std::chrono::steady_clock::now() - last_large_ < kBurstPause) return;
  if (IsIdle()) drafts_.EndBurst();
}

bool ThreadApplier::IsIdle() const {
  base::MutexLock lock(mutex_);
  return waiting_ == nullptr && !busy_;
}

void ThreadApplier::Work() {
  base::NameThread("apply-work");
  base::LowerThreadPriority(base::kNiceBulk);  // queries come first
  while (true) {
    std::unique_ptr<Draft> draft;
    {
      base::MutexLock lock(mutex_);
      busy_ = false;
      changed_.NotifyAll();
      while (waiting_ == nullptr && !stopping_) changed_.Wait(mutex_);
      if (stopping_) return;
      draft = std::move(waiting_);
      busy_ = true;
      changed_.NotifyAll();
    }
    const absl::Status status = ApplyDraft(std::move(draft));
    if (!status.ok()) return Stop(status);
  }
}

absl::Status ThreadApplier::ApplyDraft(std::unique_ptr<Draft> draft) {
  RETURN_IF_ERROR(drafts_.Apply(draft.get()));
  // Before the position: whoever sees that may ask for figures.
  if (draft->position.ordinal >= target_) caught_up_ = true;
  {
    base::MutexLock lock(mutex_);
    position_ = draft->position;
    position_changed_.NotifyAll();
  }
  applied_(draft->position);
  if (!caught_up_) {
    catching_up_.Show(draft->position.ordinal - first_, target_ - first_);
  }
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
