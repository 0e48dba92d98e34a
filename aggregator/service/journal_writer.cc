#include "aggregator/service/journal_writer.h"

#include <deque>
#include <map>
#include <optional>
#include <thread>

#include "common/base/logging.h"
#include "common/base/mutex.h"
#include "common/base/status.h"

namespace tongchou::aggregator {
namespace {

// A batch, or an entry of the province's own.
struct Waiting {
  std::optional<OwnEntry> entry;
  JournalBatch batch;
  JournalWriter::Done done;
};

class ThreadWriter final : public JournalWriter {
 public:
  ThreadWriter(Journal* journal, ledger::Cosigner cosigner, base::Clock* clock,
               std::function<void()> written)
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
    Waiting waiting;
    waiting.batch.city = city;
    waiting.batch.batch = std::move(batch);
    waiting.batch.incarnation_counter = incarnation.counter();
    waiting.batch.incarnation_nonce = incarnation.nonce();
    waiting.done = std::move(done);
    Enqueue(std::move(waiting));
  }

  void SubmitEntry(OwnEntry entry,
                   std::function<void(const absl::Status&)> done) override {
    Waiting waiting;
    waiting.entry = std::move(entry);
    waiting.done = [done = std::move(done)](const absl::Status& status,
                                            uint64_t, const std::string&) {
      done(status);
    };
    Enqueue(std::move(waiting));
  }

  void WaitFor(uint32_t city) override {
    base::MutexLock lock(mutex_);
    while (of_city_[city] > 0) changed_.Wait(mutex_);
  }

 private:
  void Enqueue(Waiting waiting) {
    base::MutexLock lock(mutex_);
    ++of_city_[waiting.batch.city];
    queue_.push_back(std::move(waiting));
    changed_.NotifyAll();
  }
  void Run();
  std::deque<Waiting> TakeGroup() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteGroup(std::deque<Waiting> group);
  absl::Status Cosign(std::deque<Waiting>* group);

  Journal& journal_;
  const ledger::Cosigner cosigner_;
  base::Clock& clock_;
  const std::function<void()> written_;
  base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<Waiting> queue_ ABSL_GUARDED_BY(mutex_);
  std::map<uint32_t, int> of_city_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

void ThreadWriter::Run() {
  while (true) {
    std::deque<Waiting> group;
    {
      base::MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) changed_.Wait(mutex_);
      if (queue_.empty()) return;
      group = TakeGroup();
    }
    std::map<uint32_t, int> finished;
    for (const Waiting& one : group) ++finished[one.batch.city];
    WriteGroup(std::move(group));
    base::MutexLock lock(mutex_);
    for (const auto& [city, count] : finished) of_city_[city] -= count;
    changed_.NotifyAll();
  }
}

std::deque<Waiting> ThreadWriter::TakeGroup() {
  std::deque<Waiting> group;
  size_t entries = 0;
  size_t batches = 0;
  while (!queue_.empty() && batches < kGroupBatchesMax &&
         entries < kGroupEntriesMax) {
    ++(queue_.front().entry.has_value() ? entries : batches);
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return group;
}

absl::Status ThreadWriter::Cosign(std::deque<Waiting>* group) {
  const auto seconds =
      static_cast<uint64_t>(clock_.NowMicros() / base::kMicrosPerSecond);
  for (Waiting& one : *group) {
    if (one.entry.has_value()) continue;
    if (!one.batch.batch.cosign) {
      one.batch.cosigned_checkpoint = one.batch.batch.checkpoint;
      continue;
    }
    ASSIGN_OR_RETURN(one.batch.cosigned_checkpoint,
                     cosigner_.Cosign(one.batch.batch.checkpoint, seconds));
  }
  return absl::OkStatus();
}

void ThreadWriter::WriteGroup(std::deque<Waiting> group) {
  absl::Status status = Cosign(&group);
  std::vector<std::pair<uint64_t, std::string>> notes;
  std::vector<JournalBatch> batches;
  std::vector<OwnEntry> entries;
  for (Waiting& one : group) {
    notes.emplace_back(
        one.batch.batch.end_size,
        one.batch.batch.cosign ? one.batch.cosigned_checkpoint : "");
    if (one.entry.has_value()) {
      entries.push_back(*std::move(one.entry));
    } else {
      batches.push_back(std::move(one.batch));
    }
  }
  if (status.ok()) {
    status = journal_.Append(std::move(batches), std::move(entries)).status();
  }
  if (!status.ok()) {
    spdlog::error("journal: not written: {}", base::Describe(status));
  }
  for (size_t i = 0; i < group.size(); ++i) {
    group[i].done(status, notes[i].first, notes[i].second);
  }
  if (status.ok()) written_();
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
    std::function<void()> written) {
  return std::make_unique<ThreadWriter>(journal, std::move(cosigner), clock,
                                        std::move(written));
}

}  // namespace tongchou::aggregator
