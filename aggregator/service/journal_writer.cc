#include "aggregator/service/journal_writer.h"

#include <deque>
#include <map>
#include <thread>

#include "common/base/logging.h"
#include "common/base/mutex.h"
#include "common/base/status.h"

namespace tongchou::aggregator {
namespace {

struct Waiting {
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

  void Submit(uint32_t city, exchange::VerifiedBatch batch,
              const v1::Incarnation& incarnation, Done done) override {
    Waiting waiting;
    waiting.batch.city = city;
    waiting.batch.batch = std::move(batch);
    waiting.batch.incarnation_counter = incarnation.counter();
    waiting.batch.incarnation_nonce = incarnation.nonce();
    waiting.done = std::move(done);
    base::MutexLock lock(mutex_);
    ++of_city_[city];
    queue_.push_back(std::move(waiting));
    changed_.NotifyAll();
  }

  void WaitFor(uint32_t city) override {
    base::MutexLock lock(mutex_);
    while (of_city_[city] > 0) changed_.Wait(mutex_);
  }

 private:
  void Run();
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
      while (!queue_.empty() && group.size() < kGroupBatchesMax) {
        group.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    std::map<uint32_t, int> finished;
    for (const Waiting& one : group) ++finished[one.batch.city];
    WriteGroup(std::move(group));
    base::MutexLock lock(mutex_);
    for (const auto& [city, count] : finished) of_city_[city] -= count;
    changed_.NotifyAll();
  }
}

absl::Status ThreadWriter::Cosign(std::deque<Waiting>* group) {
  const auto seconds =
      static_cast<uint64_t>(clock_.NowMicros() / base::kMicrosPerSecond);
  for (Waiting& one : *group) {
    ASSIGN_OR_RETURN(one.batch.cosigned_checkpoint,
                     cosigner_.Cosign(one.batch.batch.checkpoint, seconds));
  }
  return absl::OkStatus();
}

void ThreadWriter::WriteGroup(std::deque<Waiting> group) {
  absl::Status status = Cosign(&group);
  std::vector<std::pair<uint64_t, std::string>> notes;
  std::vector<JournalBatch> batches;
  for (Waiting& one : group) {
    notes.emplace_back(one.batch.batch.end_size, one.batch.cosigned_checkpoint);
    batches.push_back(std::move(one.batch));
  }
  if (status.ok()) status = journal_.Append(std::move(batches)).status();
  if (!status.ok()) {
    spdlog::error("journal: not written: {}", base::Describe(status));
  }
  for (size_t i = 0; i < group.size(); ++i) {
    group[i].done(status, notes[i].first, notes[i].second);
  }
  if (status.ok()) written_();
}

}  // namespace

std::unique_ptr<JournalWriter> JournalWriter::Start(
    Journal* journal, ledger::Cosigner cosigner, base::Clock* clock,
    std::function<void()> written) {
  return std::make_unique<ThreadWriter>(journal, std::move(cosigner), clock,
                                        std::move(written));
}

}  // namespace tongchou::aggregator
