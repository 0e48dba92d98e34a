#include "cli/generate/generate.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "cli/generate/calibration.h"
#include "cli/generate/city_writer.h"
#include "cli/generate/days.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace tongchou::cli {
namespace {

constexpr uint64_t kMostPersons = 100'000'000;
constexpr int kMostMonths = 24;
constexpr uint32_t kEarliestClock = 20000101;

absl::Status CheckOptions(const GenerateOptions& options) {
  if (options.out.empty()) {
    return base::InvalidArgumentError("out: name the directory to write to");
  }
  if (options.persons == 0 || options.persons > kMostPersons) {
    return base::InvalidArgumentError("persons: {}; give 1 to {}",
                                      options.persons, kMostPersons);
  }
  if (!(options.dirty_percent >= 0 && options.dirty_percent <= 100)) {
    return base::InvalidArgumentError("dirty: {} percent; give 0 to 100",
                                      options.dirty_percent);
  }
  if (options.months < 1 || options.months > kMostMonths) {
    return base::InvalidArgumentError("months: {}; give 1 to {}",
                                      options.months, kMostMonths);
  }
  if (options.day != 1 && options.day != 2) {
    return base::InvalidArgumentError("day: {}; give 1 or 2", options.day);
  }
  if (!base::IsValidDay(options.clock) || options.clock < kEarliestClock) {
    return base::InvalidArgumentError(
        "clock: {} is no day since {}; give YYYYMMDD", options.clock,
        kEarliestClock);
  }
  return absl::OkStatus();
}

uint32_t LastDay(uint32_t month) {
  return month * 100 +
         static_cast<uint32_t>(base::DaysInMonth(
             static_cast<int>(month / 100), static_cast<int>(month % 100)));
}

uint32_t FirstClock(const GenerateOptions& options) {
  if (options.day == 1) return options.clock;
  const uint32_t month = options.clock / 100;
  const uint32_t last = LastDay(MonthsBefore(month, 1));
  if (options.clock == LastDay(month)) return last;
  return std::min(last, last / 100 * 100 + options.clock % 100);
}

Plan MakePlan(const GenerateOptions& options) {
  Plan plan;
  plan.seed = options.seed;
  plan.persons = options.persons;
  plan.first_clock = FirstClock(options);
  plan.clock = options.clock;
  plan.later = options.day == 2;
  for (int back = options.months - 1; back >= 0; --back) {
    plan.months.push_back(
        MonthsBefore(plan.first_clock / 100, static_cast<uint32_t>(back)));
  }
  plan.shares = SharePersons(options.persons);
  plan.maker = PersonMaker(options.seed, plan.first_clock);
  return plan;
}

nlohmann::json Describe(const FileCounts& counts, bool compared) {
  nlohmann::json file = {{"rows", counts.rows},
                         {"broken", nlohmann::json::object()},
                         {"repaired", nlohmann::json::object()}};
  for (const auto& [code, rows] : counts.broken) file["broken"][code] = rows;
  for (const auto& [kind, rows] : counts.repaired) {
    file["repaired"][kind] = rows;
  }
  if (compared) {
    file["inserted"] = counts.inserted;
    file["updated"] = counts.updated;
    file["deleted"] = counts.deleted;
  }
  return file;
}

nlohmann::json ManifestHead(const GenerateOptions& options) {
  return {{"seed", options.seed},     {"persons", options.persons},
          {"months", options.months}, {"day", options.day},
          {"clock", options.clock},   {"cities", nlohmann::json::object()}};
}

}  // namespace

absl::StatusOr<GenerateSummary> Generate(
    const GenerateOptions& options,
    const std::function<void(uint64_t done, uint64_t total)>& progress) {
  RETURN_IF_ERROR(CheckOptions(options));
  const Plan plan = MakePlan(options);
  const bool compared = plan.later && options.dirty_percent == 0;
  const std::span<const City> cities = Cities();
  nlohmann::json manifest = ManifestHead(options);
  GenerateSummary summary;
  uint64_t done = 0;
  for (size_t i = 0; i < cities.size(); ++i) {
    const std::string directory = options.out + "/" + cities[i].Folder();
    RETURN_IF_ERROR(base::MakeDirectories(directory));
    nlohmann::json& files =
        manifest["cities"][std::to_string(cities[i].code)]["files"];
    for (size_t k = 0; k < kFileTypes; ++k) {
      const auto type = static_cast<FileType>(k);
      ASSIGN_OR_RETURN(
          const FileCounts counts,
          WriteCityFile(plan, i, type, directory, options.dirty_percent));
      files[LayoutOf(type).name + ".csv"] = Describe(counts, compared);
      summary.rows += counts.rows;
      summary.bytes += counts.bytes;
      if (progress) progress(++done, cities.size() * kFileTypes);
    }
  }
  RETURN_IF_ERROR(base::WriteFileDurably(options.out + "/manifest.json",
                                         manifest.dump(2) + "\n"));
  return summary;
}

}  // namespace tongchou::cli
