// Synthetic data of a whole province: what eleven cities would export on one
// day, for tests, measurements and demonstrations. Nobody in it exists.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace tongchou::cli {

struct GenerateOptions {
  std::string out;  // directory; files of the same names are replaced
  uint64_t persons = 110000;
  uint64_t seed = 1;
  double dirty_percent = 0;  // rows broken or untidy, 0 to 100
  int months = 2;            // of contributions, ending with the first day's
  // 1, or 2: the same province about one month on, as full dumps again.
  int day = 1;
  // The day the files were made, YYYYMMDD. Day 1 of a day 2 is taken to be one
  // month before it (the last of a month for the last of a month), so 20081031
  // goes with 20081130.
  uint32_t clock = 20081031;
};

struct GenerateSummary {
  uint64_t rows = 0;
  uint64_t bytes = 0;
};

// Writes out/CODENAME/TYPE.csv for every city and type, and out/manifest.json
// with what was put in. The same options give the same bytes. `progress` may be
// empty; it is called after each file.
absl::StatusOr<GenerateSummary> Generate(
    const GenerateOptions& options,
    const std::function<void(uint64_t done, uint64_t total)>& progress);

}  // namespace tongchou::cli
