#include "aggregator/service/journal_writer.h"

#include <deque>
#include <map>
#include <optional>
#include <thread>

#include "common/base/cpu_account.h"
#include "common/base/logging.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/base/thread_name.h"

namespace tongchou::aggregator {
namespace {

base::CpuAccount journaling("journal");

struct WaitingBatch {
  JournalBatch batch;
  JournalWriter::Done done;
};

struct WaitingEntry {
  OwnEntry entry;
  std::function<void(const absl::Status&)> done;
};

struct Group {
  std::vector<WaitingBatch> batches;
  std::vector<WaitingEntry> entries;
};

size_t BytesOf(const JournalBatch& batch) {
  size_t bytes = 0;
  for (const auto& bundle : batch.batch.bundles) bytes += bundle.bytes.size();
  return bytes;
}

class ThreadWriter final : public JournalWriter {
 public:
  ThreadWriter(Journal* journal, ledger::Cosigner cosigner, base::Clock* clock,
               std::function<void(JournalGroup)> written)
      : journal_(*journal),
        cosigner_(std::move(cosigner)),
        clock_(*clock),
        written_(std::move(written)),
        thread_([this] { Run(); }) {}

  ~ThreadWriter() override {
    {
      base::MutexLock lock(mutex_);
      stopping_ = true;
      changed_.NotifyAll();
    }
    thread_.join();
  }

  ledger::VerifierKey witness() const override { return cosigner_.verifier(); }

  void Submit(uint32_t city, exchange::VerifiedBatch batch,
              const v1::Incarnation& incarnation, Done done) override {
    WaitingBatch waiting;
    waiting.batch.city = city;
    waiting.batch.batch = std::move(batch);
    waiting.batch.incarnation_counter = incarnation.counter();
    waiting.batch.incarnation_nonce = incarnation.nonce();
    waiting.done = std::move(done);
    base::MutexLock lock(mutex_);
    ++of_city_[city];
    batches_.push_back(std::move(waiting));
    changed_.NotifyAll();
  }

  void SubmitEntry(OwnEntry entry,
                   std::function<void(const absl::Status&)> done) override {
    base::MutexLock lock(mutex_);
    entries_.push_back({std::move(entry), std::move(done)});
    changed_.NotifyAll();
  }

  alarms::QueueFacts queue() const override {
    base::MutexLock lock(mutex_);
    return {batches_.size() + entries_.size() + writing_, groups_, last_};
  }

  void WaitFor(uint32_t city) override {
    base::MutexLock lock(mutex_);
    while (of_city_[city] > 0) changed_.Wait(mutex_);
  }

 private:
  void Run();
  Group TakeGroup() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status WriteGroup(Group group);
  absl::Status Cosign(WaitingBatch* one) const;
  std::vector<WaitingBatch> CosignAll(std::vector<WaitingBatch> batches) const;

  Journal& journal_;
  const ledger::Cosigner cosigner_;
  base::Clock& clock_;
  const std::function<void(JournalGroup)> written_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  size_t writing_ ABSL_GUARDED_BY(mutex_) = 0;  // taken, not answered
  uint64_t groups_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status last_ ABSL_GUARDED_BY(mutex_);  // of the last group
  std::deque<WaitingBatch> batches_ ABSL_GUARDED_BY(mutex_);
  std::deque<WaitingEntry> entries_ ABSL_GUARDED_BY(mutex_);
  std::map<uint32_t, int> of_city_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

void ThreadWriter::Run() {
  base::NameThread("journal");
  while (true) {
    Group group;
    {
      base::MutexLock lock(mutex_);
      while (batches_.empty() && entries_.empty() && !stopping_) {
        changed_.Wait(mutex_);
      }
      group = TakeGroup();
    }
    if (group.batches.empty() && group.entries.empty()) return;
    std::map<uint32_t, int> finished;
    for (const WaitingBatch& one : group.batches) ++finished[one.batch.city];
    const absl::Status status = WriteGroup(std::move(group));
    base::MutexLock lock(mutex_);
    writing_ = 0;
    ++groups_;
    last_ = status;
    for (const auto& [city, count] : finished) of_city_[city] -= count;
    changed_.NotifyAll();
  }
}

Group ThreadWriter::TakeGroup() {
  Group group;
  size_t bytes = 0;
  while (!batches_.empty() && group.batches.size() < kGroupBatchesMax) {
    bytes += BytesOf(batches_.front().batch);
    if (bytes > kGroupBytesMax && !group.batches.empty()) break;
    group.batches.push_back(std::move(batches_.front()));
    batches_.pop_front();
  }
  while (!entries_.empty() && group.entries.size() < kGroupEntriesMax) {
    group.entries.push_back(std::move(entries_.front()));
    entries_.pop_front();
  }
  writing_ = group.batches.size() + group.entries.size();
  return group;
}

absl::Status ThreadWriter::Cosign(WaitingBatch* one) const {
  JournalBatch& batch = one->batch;
  if (!batch.batch.cosign) {
    batch.cosigned_checkpoint = batch.batch.checkpoint;
    return absl::OkStatus();
  }
  const auto seconds =
      static_cast<uint64_t>(clock_.NowMicros() / base::kMicrosPerSecond);
  ASSIGN_OR_RETURN(batch.cosigned_checkpoint,
                   cosigner_.Cosign(batch.batch.checkpoint, seconds));
  return absl::OkStatus();
}

// Those that could be cosigned; the others have their answer.
std::vector<WaitingBatch> ThreadWriter::CosignAll(
    std::vector<WaitingBatch> batches) const {
  std::vector<WaitingBatch> cosigned;
  for (WaitingBatch& one : batches) {
    const absl::Status status = Cosign(&one);
    if (status.ok()) {
      cosigned.push_back(std::move(one));
    } else {
      one.done(status, one.batch.batch.end_size, "");
    }
  }
  return cosigned;
}

// Why it was not written.
absl::Status ThreadWriter::WriteGroup(Group group) {
  const base::CpuScope scope(journaling);
  group.batches = CosignAll(std::move(group.batches));
  if (group.batches.empty() && group.entries.empty()) return absl::OkStatus();
  std::vector<std::pair<uint64_t, std::string>> notes;
  std::vector<JournalBatch> batches;
  for (WaitingBatch& one : group.batches) {
    notes.emplace_back(
        one.batch.batch.end_size,
        one.batch.batch.cosign ? one.batch.cosigned_checkpoint : "");
    batches.push_back(std::move(one.batch));
  }
  std::vector<OwnEntry> entries;
  for (WaitingEntry& one : group.entries) {
    entries.push_back(std::move(one.entry));
  }
  auto appended = journal_.Append(std::move(batches), std::move(entries));
  if (!appended.ok()) {
    spdlog::error("journal: not written: {}",
                  base::Describe(appended.status()));
  }
  for (const WaitingEntry& one : group.entries) one.done(appended.status());
  for (size_t i = 0; i < group.batches.size(); ++i) {
    group.batches[i].done(
        appended.ok() ? appended->outcomes[i] : appended.status(),
        notes[i].first, notes[i].second);
  }
  if (appended.ok() && appended->group.ordinal != 0) {
    written_(std::move(appended->group));
  }
  return appended.status();
}

}  // namespace

absl::Status JournalWriter::Record(OwnEntry entry) {
  base::Mutex mutex;
  base::CondVar changed;
  std::optional<absl::Status> outcome;
  SubmitEntry(std::move(entry), [&](const absl::Status& status) {
    base::MutexLock lock(mutex);
    outcome = status;
    changed.NotifyAll();
  });
  base::MutexLock lock(mutex);
  while (!outcome.has_value()) changed.Wait(mutex);
  return *outcome;
}

std::unique_ptr<JournalWriter> JournalWriter::Start(
    Journal* journal, ledger::Cosigner cosigner, base::Clock* clock,
    std::function<void(JournalGroup)> written) {
  return std::make_unique<ThreadWriter>(journal, std::move(cosigner), clock,
                                        std::move(written));
}

}  // namespace tongchou::aggregator
