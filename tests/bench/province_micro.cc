// What one group of the province costs, of so many known cities so many sent
// one change: journal with fsync, receipt, unified database with figures. What
// verifying and cosigning add is the same for each batch (micro.cc).
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "aggregator/journal/journal.h"
#include "aggregator/state/applier.h"
#include "aggregator/state/unified_state.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "tests/aggregator/append_all.h"
#include "tests/aggregator/test_province.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::bench {
namespace {

// The entries are of this city, whichever sends them: a province has eleven.
constexpr uint32_t kFirstCity = 360'100;
constexpr uint32_t kDay = 20'080'105;
constexpr int kPersons = 800;

class Province {
 public:
  explicit Province(size_t cities) : cities_(cities) {
    auto journal = aggregator::Journal::Open({Path("journal")});
    TONGCHOU_CHECK(journal.ok());
    journal_ = *std::move(journal);
    auto state = aggregator::UnifiedState::Open({Path("state")});
    TONGCHOU_CHECK(state.ok());
    state_ = *std::move(state);
    auto applier = aggregator::Applier::Start(journal_.get(), state_.get(),
                                              [this](const auto& position) {
                                                base::MutexLock lock(mutex_);
                                                applied_ = position.ordinal;
                                                changed_.NotifyAll();
                                              });
    TONGCHOU_CHECK(applier.ok());
    applier_ = *std::move(applier);
  }

  std::vector<aggregator::JournalBatch> MakeRound(size_t cities) {
    ++round_;
    std::vector<aggregator::JournalBatch> batches;
    for (size_t i = 0; i < cities; ++i) {
      cities_[i].Add({kFirstCity,
                      base::ChinaDayStart(kDay) + round_,
                      "enrolment",
                      {{"AAC002", aggregator::TestPerson(round_ % kPersons)},
                       {"AAE140", "110"},
                       {"AAB301", "360102"},
                       {"AAC008", "1"},
                       {"AAC049", "200801"}}});
      batches.push_back(cities_[i].Take(kFirstCity + static_cast<uint32_t>(i)));
    }
    return batches;
  }

  void Take(std::vector<aggregator::JournalBatch> batches) {
    auto group = aggregator::AppendAll(journal_.get(), std::move(batches));
    TONGCHOU_CHECK(group.ok());
    const uint64_t ordinal = group->ordinal;
    applier_->Offer(*std::move(group));
    base::MutexLock lock(mutex_);
    while (applied_ < ordinal) changed_.Wait(mutex_);
  }

 private:
  std::string Path(const std::string& name) const {
    return directory_.path() + "/" + name;
  }

  const TemporaryDirectory directory_;
  std::vector<aggregator::TestCity> cities_;
  int round_ = 0;
  std::unique_ptr<aggregator::Journal> journal_;
  std::unique_ptr<aggregator::UnifiedState> state_;
  base::Mutex mutex_;
  base::CondVar changed_;
  uint64_t applied_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<aggregator::Applier> applier_;
};

void ProvinceGroup(benchmark::State& state) {
  const auto cities = static_cast<size_t>(state.range(0));
  const auto sending = static_cast<size_t>(state.range(1));
  Province province(cities);
  province.Take(province.MakeRound(cities));
  for (auto _ : state) {
    state.PauseTiming();
    auto batches = province.MakeRound(sending);
    state.ResumeTiming();
    province.Take(std::move(batches));
  }
}
BENCHMARK(ProvinceGroup)
    ->ArgNames({"cities", "sending"})
    ->Args({11, 1})
    ->Args({100, 1})
    ->Args({333, 1})
    ->Args({11, 11})
    ->Args({100, 100})
    ->Args({333, 333})
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace tongchou::bench
