#include "aggregator/service/province_gauges.h"

#include <fmt/format.h>

#include <string>

#include "common/base/clock.h"

namespace tongchou::aggregator {
namespace {

prometheus::Family<prometheus::Gauge>& Register(
    const std::string& name, const std::string& help,
    prometheus::Registry* registry) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(*registry);
}

double Seconds(int64_t micros) {
  return static_cast<double>(micros) / base::kMicrosPerSecond;
}

}  // namespace

ProvinceGauges::ProvinceGauges(prometheus::Registry* registry)
    : machine_("tongchou_province", {}, registry),
      log_signed_(Register("tongchou_province_log_signed",
                           "1 while the province's own log is signed", registry)
                      .Add({})),
      mirror_entries_(Register("tongchou_province_mirror_entries",
                               "Entries of the own log that its mirror keeps",
                               registry)
                          .Add({})),
      mirror_heard_(Register("tongchou_province_mirror_heard_seconds",
                             "When the mirror last said so, Unix time; 0 = "
                             "never since the start",
                             registry)
                        .Add({})),
      durable_(Register("tongchou_province_durable_entries",
                        "Entries held, verified and fsynced", registry)),
      applied_(Register("tongchou_province_applied_entries",
                        "Entries visible in the unified database", registry)),
      heard_(Register("tongchou_province_heard_seconds",
                      "When the city last signed something new, Unix time",
                      registry)) {}

ProvinceGauges::City& ProvinceGauges::Of(uint32_t city) {
  const auto known = cities_.find(city);
  if (known != cities_.end()) return known->second;
  const prometheus::Labels labels = {{"city", fmt::format("{:06}", city)}};
  return cities_
      .emplace(city, City{durable_.Add(labels), applied_.Add(labels),
                          heard_.Add(labels)})
      .first->second;
}

void ProvinceGauges::Show(const ProvinceFacts& facts, const MirrorNews& mirror,
                          std::optional<double> disk_days) {
  machine_.Show(facts.machine, disk_days);
  log_signed_.Set(facts.log_problem.empty() ? 1 : 0);
  mirror_entries_.Set(static_cast<double>(mirror.size));
  mirror_heard_.Set(Seconds(mirror.heard_us));
  for (const auto& [city, one] : facts.cities) {
    City& gauges = Of(city);
    gauges.durable.Set(static_cast<double>(one.durable));
    const auto found = facts.applied.cities.find(city);
    gauges.applied.Set(found == facts.applied.cities.end()
                           ? 0
                           : static_cast<double>(found->second.size));
    gauges.heard.Set(Seconds(one.news.heard_us));
  }
}

}  // namespace tongchou::aggregator
