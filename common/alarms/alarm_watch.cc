#include "common/alarms/alarm_watch.h"

#include <fmt/format.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <chrono>
#include <thread>
#include <utility>

#include "common/base/logging.h"
#include "common/base/thread_name.h"

namespace tongchou::alarms {
namespace {

constexpr auto kEvery = std::chrono::seconds(1);

std::string CityText(const Sight& sight) {
  return sight.city == 0 ? "" : fmt::format(" city={:06}", sight.city);
}

void Log(const AlarmChange& change) {
  const Sight& sight = change.alarm.sight;
  if (!change.begins) {
    spdlog::info("alarm ends: {}{} after {} s", sight.kind->name,
                 CityText(sight),
                 change.alarm.lasted_us / base::kMicrosPerSecond);
  } else if (sight.kind->severity == Severity::kCritical) {
    spdlog::error("alarm begins: {}", Describe(sight));
  } else {
    spdlog::warn("alarm begins: {}", Describe(sight));
  }
}

class ThreadWatch final : public AlarmWatch {
 public:
  explicit ThreadWatch(AlarmWatchOptions options)
      : options_(std::move(options)),
        gauges_(prometheus::BuildGauge()
                    .Name("tongchou_alarm")
                    .Help("1 while the alarm is on")
                    .Register(*options_.registry)) {
    for (const AlarmKind* kind : AllAlarms()) {
      if (kind->program == Program::kBoth ||
          kind->program == options_.program) {
        GaugeOf(*kind, 0).Set(0);
      }
    }
    thread_ = std::thread([this] { Run(); });
  }

  ~ThreadWatch() override {
    {
      base::MutexLock lock(mutex_);
      stopping_ = true;
      changed_.NotifyAll();
    }
    thread_.join();
  }

 private:
  void Run();
  prometheus::Gauge& GaugeOf(const AlarmKind& kind, uint32_t city) {
    return gauges_.Add(
        {{"alarm", std::string(kind.name)},
         {"severity", std::string(SeverityName(kind.severity))},
         {"city", city == 0 ? options_.city : fmt::format("{:06}", city)}});
  }

  const AlarmWatchOptions options_;
  prometheus::Family<prometheus::Gauge>& gauges_;
  base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

void ThreadWatch::Run() {
  base::NameThread("alarms");
  bool serving = true;
  while (true) {
    for (const AlarmChange& change : options_.board->Step()) {
      Log(change);
      const Sight& sight = change.alarm.sight;
      GaugeOf(*sight.kind, sight.city).Set(change.begins ? 1 : 0);
    }
    if (const bool now = !options_.board->stalled(); now != serving) {
      serving = now;
      options_.serving(serving);
    }
    base::MutexLock lock(mutex_);
    if (!stopping_) changed_.WaitFor(mutex_, kEvery);
    if (stopping_) return;
  }
}

}  // namespace

std::unique_ptr<AlarmWatch> AlarmWatch::Start(AlarmWatchOptions options) {
  return std::make_unique<ThreadWatch>(std::move(options));
}

std::string Describe(const Sight& sight) {
  const AlarmKind& kind = *sight.kind;
  return fmt::format("{} ({}){}: {}; {}; {}", kind.name,
                     SeverityName(kind.severity), CityText(sight), sight.text,
                     kind.meaning, kind.remedy);
}

}  // namespace tongchou::alarms
