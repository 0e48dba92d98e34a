// All files of one city.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "cli/generate/city_view.h"
#include "cli/generate/csv_file.h"
#include "cli/generate/layouts.h"

namespace tongchou::cli {

// Writes DIRECTORY/TYPE.csv, which must not be open elsewhere.
absl::StatusOr<FileCounts> WriteCityFile(const Plan& plan, size_t ordinal,
                                         FileType type,
                                         const std::string& directory,
                                         double dirty_percent);

}  // namespace tongchou::cli
