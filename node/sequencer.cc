#include "node/sequencer.h"

#include <deque>
#include <optional>
#include <thread>

#include "absl/container/flat_hash_set.h"
#include "common/base/big_endian.h"
#include "common/base/cpu_account.h"
#include "common/base/mutex.h"
#include "common/base/random.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/base/thread_name.h"
#include "common/ledger/bundle.h"
#include "common/ledger/entry_writer.h"
#include "node/returning_sources.h"

namespace tongchou::node {
namespace {

base::CpuAccount committing("commit");

constexpr size_t kSaltBytes = 16;
constexpr size_t kRandomPoolBytes = 16'384;

using Outcome = absl::StatusOr<CommitOutcome>;

struct Waiting {
  WriteGroup group;
  size_t bytes = 0;
  CommitDone done;
};

// What stands beside the changes stands in every entry.
size_t BytesInLog(const WriteGroup& group) {
  const size_t notes = group.staff.size() + group.reason_text.size() +
                       group.document_number.size();
  size_t bytes = notes * group.changes.size();
  for (const PendingChange& change : group.changes) {
    bytes += change.key.size() + change.record.size();
  }
  return bytes;
}

// Salts of bodies: random, or reproducible from a seed.
class SaltSource {
 public:
  explicit SaltSource(std::string seed) : seed_(std::move(seed)) {}

  // A view until the next call.
  std::string_view Next(uint64_t sequence) {
    if (!seed_.empty()) {
      std::string number;
      base::AppendBigEndian<8>(sequence, &number);
      derived_ = base::Sha256Stream().Update(seed_).Update(number).Finish();
      return derived_.view().substr(0, kSaltBytes);
    }
    if (next_ + kSaltBytes > pool_.size()) {
      pool_ = base::RandomBytes(kRandomPoolBytes);
      next_ = 0;
    }
    next_ += kSaltBytes;
    return std::string_view(pool_).substr(next_ - kSaltBytes, kSaltBytes);
  }

 private:
  const std::string seed_;
  base::Hash derived_;
  std::string pool_;
  size_t next_ = 0;
};

// One group commit in the making.
class GroupBuilder {
 public:
  GroupBuilder(const ledger::LogHead& head, const CommitClock& clock,
               RecordIndex* index, SaltSource* salts,
               ledger::BundleWriter* writer)
      : next_(head.size()),
        bundle_start_(head.size()),
        last_us_(head.last_commit_time_us),
        clock_(clock),
        index_(*index),
        salts_(*salts),
        writer_(*writer) {}

  absl::Status Add(const WriteGroup& group, CommitOutcome* outcome);
  ledger::GroupCommit Finish();
  uint64_t size() const { return next_; }

 private:
  absl::StatusOr<v1::ChangeResult> Decide(const PendingChange& change,
                                          std::optional<RecordState>* before);
  absl::Status AddOne(const WriteGroup& group, const PendingChange& change,
                      const std::optional<RecordState>& before, bool last);
  void CloseBundle();

  uint64_t next_;
  uint64_t bundle_start_;
  int64_t last_us_;
  bool transaction_start_ = true;
  const CommitClock& clock_;
  RecordIndex& index_;
  SaltSource& salts_;
  ledger::BundleWriter& writer_;
  ledger::GroupCommit commit_;
  std::string header_bytes_;
  std::string body_bytes_;
};

absl::StatusOr<v1::ChangeResult> GroupBuilder::Decide(
    const PendingChange& change, std::optional<RecordState>* before) {
  ASSIGN_OR_RETURN(*before, index_.Find(change.key));
  const bool live = before->has_value() && !(*before)->deleted;
  if (change.is_delete) {
    return live ? v1::CHANGE_RESULT_DELETED : v1::CHANGE_RESULT_ABSENT;
  }
  if (!live) return v1::CHANGE_RESULT_INSERTED;
  return (*before)->fingerprint == change.fingerprint
             ? v1::CHANGE_RESULT_UNCHANGED
             : v1::CHANGE_RESULT_UPDATED;
}

bool Writes(v1::ChangeResult result) {
  return result != v1::CHANGE_RESULT_UNCHANGED &&
         result != v1::CHANGE_RESULT_ABSENT;
}

absl::Status GroupBuilder::Add(const WriteGroup& group,
                               CommitOutcome* outcome) {
  // The last change that is written ends the transaction; which one that is
  // depends on those behind it, so one that waits is held back.
  std::optional<std::pair<size_t, std::optional<RecordState>>> held;
  RETURN_IF_ERROR(index_.ReadAhead(group.changes.size(), [&](size_t i) {
    return std::string_view(group.changes[i].key);
  }));
  for (size_t i = 0; i < group.changes.size(); ++i) {
    if (i + kPrefetchAhead < group.changes.size()) {
      index_.Prefetch(group.changes[i + kPrefetchAhead].key);
    }
    const PendingChange& change = group.changes[i];
    std::optional<RecordState> before;
    if (held.has_value() && group.changes[held->first].key == change.key) {
      RETURN_IF_ERROR(AddOne(group, group.changes[held->first], held->second,
                             /*last=*/false));
      held.reset();
    }
    ASSIGN_OR_RETURN(const v1::ChangeResult result, Decide(change, &before));
    outcome->results.push_back(result);
    if (!Writes(result)) continue;
    if (!group.one_transaction) {
      RETURN_IF_ERROR(AddOne(group, change, before, /*last=*/true));
      continue;
    }
    if (held.has_value()) {
      RETURN_IF_ERROR(AddOne(group, group.changes[held->first], held->second,
                             /*last=*/false));
    }
    held = {i, before};
  }
  if (held.has_value()) {
    RETURN_IF_ERROR(
        AddOne(group, group.changes[held->first], held->second, true));
  }
  if (!group.transaction_id.empty()) {
    commit_.transaction_ids.push_back(group.transaction_id);
    commit_.transaction_sizes.push_back(next_);
  }
  commit_.local_facts.insert(commit_.local_facts.end(),
                             group.local_facts.begin(),
                             group.local_facts.end());
  outcome->committed_size = next_;
  return absl::OkStatus();
}

absl::Status GroupBuilder::AddOne(const WriteGroup& group,
                                  const PendingChange& change,
                                  const std::optional<RecordState>& before,
                                  bool last) {
  // All changes of a transaction have one time, so that none straddles a day.
  if (transaction_start_) last_us_ = clock_.TimeOf(next_, last_us_);
  transaction_start_ = last;
  header_bytes_.clear();
  ledger::AppendHeader(
      {.sequence = next_,
       .commit_time_us = last_us_,
       .type = change.type,
       .operation = static_cast<uint32_t>(
           change.is_delete ? v1::OPERATION_DELETE : v1::OPERATION_UPSERT),
       .actor = group.actor,
       .receipt = change.receipt,
       .line = change.line,
       .reason = static_cast<uint32_t>(group.reason),
       .previous = before.has_value() ? before->sequence + 1 : 0,
       .last_of_transaction = last},
      &header_bytes_);
  body_bytes_.clear();
  ledger::AppendBody(
      {.salt = salts_.Next(next_),
       .key = change.key,
       .record = change.record,
       .staff = group.staff,
       .reason_text = group.reason_text,
       .document_number = group.document_number,
       .transaction_id = last ? group.transaction_id : std::string_view()},
      &body_bytes_);
  writer_.Add(header_bytes_, body_bytes_);
  const RecordState state{next_, change.is_delete, change.fingerprint,
                          change.division};
  ++next_;
  if (last && writer_.count() >= ledger::kBundleEntriesTarget) CloseBundle();
  return index_.Put(change.key, state);
}

void GroupBuilder::CloseBundle() {
  const uint64_t count = next_ - bundle_start_;
  commit_.bundles.push_back(
      {bundle_start_, count,
       writer_.Finish(bundle_start_, &commit_.leaf_hashes)});
  bundle_start_ = next_;
}

ledger::GroupCommit GroupBuilder::Finish() {
  if (next_ != bundle_start_) CloseBundle();
  commit_.last_commit_time_us = last_us_;
  return std::move(commit_);
}

class ThreadSequencer final : public Sequencer {
 public:
  ThreadSequencer(SequencerOptions options, ledger::LogStore* log,
                  RecordIndex* index, const CommitClock* clock)
      : options_(std::move(options)),
        log_(*log),
        index_(*index),
        clock_(*clock),
        salts_(options_.synthetic_seed),
        thread_([this] { Run(); }) {}

  ~ThreadSequencer() override {
    {
      base::MutexLock lock(mutex_);
      stopping_ = true;
      submitted_.NotifyOne();
    }
    thread_.join();
  }

  void Submit(WriteGroup group, CommitDone done) override;
  alarms::QueueFacts queue() const override {
    base::MutexLock lock(mutex_);
    return {queue_.size() + committing_, groups_, last_};
  }

 private:
  void Gather() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::deque<Waiting> TakeGroup();
  void Run();
  void Answering(const std::deque<Waiting>& waiting);
  absl::Status CommitGroup(std::deque<Waiting> waiting);
  absl::Status CheckGroup(const Waiting& waiting) const;
  absl::StatusOr<bool> WasCommitted(const WriteGroup& group,
                                    CommitOutcome* outcome);

  const SequencerOptions options_;
  ledger::LogStore& log_;
  RecordIndex& index_;
  const CommitClock& clock_;
  SaltSource salts_;
  ledger::BundleWriter writer_;

  mutable base::Mutex mutex_;
  base::CondVar submitted_;
  base::CondVar taken_;
  std::deque<Waiting> queue_ ABSL_GUARDED_BY(mutex_);
  size_t wanted_ ABSL_GUARDED_BY(mutex_) = 1;  // before the writer wakes
  ReturningSources sources_ ABSL_GUARDED_BY(mutex_);
  size_t queued_changes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t committing_ ABSL_GUARDED_BY(mutex_) = 0;  // taken, not answered
  uint64_t groups_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status last_ ABSL_GUARDED_BY(mutex_);  // of the last group
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

void ThreadSequencer::Submit(WriteGroup group, CommitDone done) {
  const size_t bytes = BytesInLog(group);
  base::MutexLock lock(mutex_);
  while (queued_changes_ > kQueuedChangesMax ||
         queued_bytes_ > kQueuedBytesMax) {
    taken_.Wait(mutex_);
  }
  queued_changes_ += group.changes.size();
  queued_bytes_ += bytes;
  sources_.Submitted(group.source, std::chrono::steady_clock::now());
  queue_.push_back({std::move(group), bytes, std::move(done)});
  if (queue_.size() >= wanted_ || queued_changes_ >= kGroupWaitChangesMax) {
    submitted_.NotifyOne();
  }
}

// A client that waits for its commit comes back with the next one, so a group
// waits for those who are about to: one write serves all.
void ThreadSequencer::Gather() {
  auto now = std::chrono::steady_clock::now();
  const ReturningSources::Expected expected = sources_.Expect(now);
  wanted_ = queue_.size() + expected.sources;
  while (queue_.size() < wanted_ && queued_changes_ < kGroupWaitChangesMax &&
         !stopping_ && now < expected.until) {
    submitted_.WaitFor(mutex_, std::chrono::ceil<std::chrono::microseconds>(
                                   expected.until - now));
    now = std::chrono::steady_clock::now();
  }
  wanted_ = 1;
}

std::deque<Waiting> ThreadSequencer::TakeGroup() {
  base::MutexLock lock(mutex_);
  while (queue_.empty() && !stopping_) submitted_.Wait(mutex_);
  Gather();
  std::deque<Waiting> taken;
  size_t changes = 0;
  size_t bytes = 0;
  while (!queue_.empty()) {
    const Waiting& next = queue_.front();
    const bool has_room =
        changes + next.group.changes.size() <= kGroupChangesMax &&
        bytes + next.bytes <= kGroupBytesMax;
    if (!taken.empty() && !has_room) break;
    changes += next.group.changes.size();
    bytes += next.bytes;
    taken.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_changes_ -= changes;
  queued_bytes_ -= bytes;
  committing_ = taken.size();
  taken_.NotifyAll();
  return taken;
}

void ThreadSequencer::Run() {
  base::NameThread("commit");
  while (true) {
    std::deque<Waiting> waiting = TakeGroup();
    if (waiting.empty()) return;
    const absl::Status status = CommitGroup(std::move(waiting));
    base::MutexLock lock(mutex_);
    committing_ = 0;
    ++groups_;
    last_ = status;
  }
}

void ThreadSequencer::Answering(const std::deque<Waiting>& waiting) {
  const auto now = std::chrono::steady_clock::now();
  base::MutexLock lock(mutex_);
  for (const Waiting& one : waiting) sources_.Answered(one.group.source, now);
}

absl::Status ThreadSequencer::CheckGroup(const Waiting& waiting) const {
  const WriteGroup& group = waiting.group;
  const std::string reason = options_.read_only_reason();
  if (!reason.empty()) {
    return base::FailedPreconditionError("this node is read-only: {}", reason);
  }
  if (!group.one_transaction) return absl::OkStatus();
  if (group.changes.size() > ledger::kTransactionChangesMax ||
      waiting.bytes > ledger::kTransactionBytesMax) {
    return base::ResourceExhaustedError(
        "a transaction has at most {} changes and {} bytes; this one has {} "
        "and {}: split it",
        ledger::kTransactionChangesMax, ledger::kTransactionBytesMax,
        group.changes.size(), waiting.bytes);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ThreadSequencer::WasCommitted(const WriteGroup& group,
                                                   CommitOutcome* outcome) {
  if (group.transaction_id.empty()) return false;
  ASSIGN_OR_RETURN(const auto size, log_.FindTransaction(group.transaction_id));
  if (!size.has_value()) return false;
  outcome->committed_size = *size;
  outcome->repeated = true;
  return true;
}

// Why the group was not written.
absl::Status ThreadSequencer::CommitGroup(std::deque<Waiting> waiting) {
  const base::CpuScope scope(committing);
  GroupBuilder builder(log_.Head(), clock_, &index_, &salts_, &writer_);
  std::vector<Outcome> outcomes;
  absl::flat_hash_set<std::string> ids;
  absl::Status failed;
  for (Waiting& one : waiting) {
    CommitOutcome outcome;
    absl::Status status = CheckGroup(one);
    if (status.ok()) {
      const auto repeated = WasCommitted(one.group, &outcome);
      status = repeated.status();
      const std::string& id = one.group.transaction_id;
      if (repeated.ok() && !*repeated) {
        if (!id.empty() && !ids.insert(id).second) {
          outcome.repeated = true;
          outcome.committed_size = builder.size();
        } else {
          // An error here is one of the disk: the whole group fails.
          failed = builder.Add(one.group, &outcome);
        }
      }
    }
    if (!failed.ok()) break;
    outcomes.push_back(status.ok() ? Outcome(std::move(outcome))
                                   : Outcome(status));
  }
  if (failed.ok()) {
    const ledger::GroupCommit commit = builder.Finish();
    if (!commit.leaf_hashes.empty() || !commit.transaction_ids.empty() ||
        !commit.local_facts.empty()) {
      failed = log_.Append(commit);
    }
  } else {
    builder.Finish();
  }
  if (failed.ok()) {
    index_.Committed(builder.size());
    options_.committed(builder.size());
  } else {
    index_.Undo();
  }
  Answering(waiting);
  for (size_t i = 0; i < waiting.size(); ++i) {
    waiting[i].done(failed.ok() ? std::move(outcomes[i]) : Outcome(failed));
  }
  return failed;
}

}  // namespace

std::future<Outcome> Sequencer::Submit(WriteGroup group) {
  std::promise<Outcome> promise;
  std::future<Outcome> future = promise.get_future();
  Submit(std::move(group),
         [promise = std::move(promise)](Outcome outcome) mutable {
           promise.set_value(std::move(outcome));
         });
  return future;
}

std::unique_ptr<Sequencer> Sequencer::Start(SequencerOptions options,
                                            ledger::LogStore* log,
                                            RecordIndex* index,
                                            const CommitClock* clock) {
  return std::make_unique<ThreadSequencer>(std::move(options), log, index,
                                           clock);
}

}  // namespace tongchou::node
