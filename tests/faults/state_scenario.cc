#include "tests/faults/state_scenario.h"

#include <utility>
#include <vector>

#include "aggregator/journal/journal.h"
#include "aggregator/state/applier.h"
#include "aggregator/state/unified_state.h"
#include "common/base/mutex.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "tests/aggregator/append_all.h"
#include "tests/faults/province_log.h"

namespace tongchou::faults {
namespace {

using aggregator::Applier;
using aggregator::Journal;
using aggregator::JournalBatch;
using aggregator::Position;
using aggregator::UnifiedState;

constexpr int kGroups = 12;
constexpr int kGroupPersons = 8;
constexpr int kGroupsBetweenRestarts = 4;
// Between a small group's puts and a large one's.
constexpr size_t kIngestPuts = 60;

// What the database has behind each group, as the run without a fault left it.
std::map<uint64_t, std::string>& Digests() {
  static auto* const digests = new std::map<uint64_t, std::string>;
  return *digests;
}

class StateScenario final : public Scenario {
 public:
  explicit StateScenario(const std::string& directory);
  ~StateScenario() override { Close(); }

  absl::Status Open() override;
  void Close() override {
    applier_.reset();
    state_.reset();
  }
  bool is_open() const override { return applier_ != nullptr; }
  bool is_derived() const override { return true; }
  size_t steps() const override { return steps_.size(); }
  absl::Status Step(size_t step) override {
    if (!is_open()) RETURN_IF_ERROR(Open());
    return steps_[step]();
  }
  absl::StatusOr<std::string> Read() override;
  absl::Status Holds(size_t acknowledged) override;

 private:
  absl::Status OpenAll();
  absl::Status Append(const std::vector<JournalBatch>& batches,
                      uint64_t ordinal);
  absl::Status Await(uint64_t ordinal);

  const std::string path_;
  std::vector<std::function<absl::Status()>> steps_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<UnifiedState> state_;
  std::unique_ptr<Applier> applier_;
  base::Mutex mutex_;
  base::CondVar progress_;
  uint64_t applied_ ABSL_GUARDED_BY(mutex_) = 0;
};

StateScenario::StateScenario(const std::string& directory)
    : path_(directory + "/state") {
  static const auto* const groups =
      new auto(MakeGroups(kGroups, kGroupPersons));
  auto journal = Journal::Open({directory + ".journal"});
  TONGCHOU_CHECK(journal.ok());
  journal_ = *std::move(journal);
  for (int i = 0; i < kGroups; ++i) {
    steps_.emplace_back([this, i] { return Append((*groups)[i], i + 1); });
    if (i % kGroupsBetweenRestarts != 3) continue;
    steps_.emplace_back([this] {
      Close();
      return Open();
    });
  }
}

absl::Status StateScenario::Open() {
  const absl::Status status = OpenAll();
  if (!status.ok()) Close();
  return status;
}

// Returns when it has caught up: before, queries are refused.
absl::Status StateScenario::OpenAll() {
  ASSIGN_OR_RETURN(state_, UnifiedState::Open({path_, false, kIngestPuts}));
  {
    ASSIGN_OR_RETURN(const Position position,
                     state_->Snapshot()->ReadPosition());
    base::MutexLock lock(mutex_);
    applied_ = position.ordinal;
  }
  ASSIGN_OR_RETURN(applier_, Applier::Start(journal_.get(), state_.get(),
                                            [this](const Position& position) {
                                              base::MutexLock lock(mutex_);
                                              applied_ = position.ordinal;
                                              progress_.NotifyAll();
                                            }));
  return Await(journal_->last_ordinal());
}

absl::Status StateScenario::Append(const std::vector<JournalBatch>& batches,
                                   uint64_t ordinal) {
  if (journal_->last_ordinal() < ordinal) {
    ASSIGN_OR_RETURN(auto group,
                     aggregator::AppendAll(journal_.get(), batches));
    applier_->Offer(std::move(group));
  }
  // Writes its options down; whatever becomes of that, the rows do not care.
  state_->SetBurst(ordinal % 2 == 0 ? aggregator::Burst::kOfUpdates
                                    : aggregator::Burst::kNone);
  return Await(ordinal);
}

absl::Status StateScenario::Await(uint64_t ordinal) {
  base::MutexLock lock(mutex_);
  while (applied_ < ordinal) {
    RETURN_IF_ERROR(applier_->status());
    progress_.WaitFor(mutex_, std::chrono::milliseconds(1));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> StateScenario::Read() {
  const auto snapshot = state_->Snapshot();
  ASSIGN_OR_RETURN(const Position position, snapshot->ReadPosition());
  base::Sha256Stream digest;
  uint64_t rows = 0;
  RETURN_IF_ERROR(
      snapshot->Scan("", "", [&](std::string_view key, std::string_view value) {
        for (const std::string_view part : {key, value}) {
          digest.Update(fmt::format("{} ", part.size())).Update(part);
        }
        ++rows;
        return true;
      }));
  const std::string found =
      fmt::format("ordinal {}: {} rows {}", position.ordinal, rows,
                  base::HexEncode(digest.Finish().view()));
  const auto [known, added] = Digests().try_emplace(position.ordinal, found);
  if (known->second != found) {
    return base::InternalError("silent: {}, not {}", found, known->second);
  }
  return found;
}

// Applied stays applied: after a start it is refused until it is again.
absl::Status StateScenario::Holds(size_t /*acknowledged*/) {
  ASSIGN_OR_RETURN(const Position position, state_->Snapshot()->ReadPosition());
  if (position.ordinal == journal_->last_ordinal()) return absl::OkStatus();
  return base::DataLossError("{} groups of {} are applied", position.ordinal,
                             journal_->last_ordinal());
}

}  // namespace

std::unique_ptr<Scenario> MakeStateScenario(const std::string& directory) {
  return std::make_unique<StateScenario>(directory);
}

}  // namespace tongchou::faults
