#include "common/base/store_format.h"

#include <charconv>
#include <optional>
#include <sstream>

#include "common/base/file.h"
#include "common/base/logging.h"
#include "common/base/status.h"

namespace tongchou::base {
namespace {

constexpr std::string_view kProduct = "tongchou";

struct Line {
  std::string store;
  int version = 0;
  std::string derived_with;
};

std::string PathIn(const std::string& directory) {
  return directory + "/FORMAT";
}

absl::StatusOr<Line> ParseLine(const std::string& path,
                               const std::string& text) {
  std::istringstream words(text);
  std::string product;
  std::string version;
  Line line;
  words >> product >> line.store >> version >> line.derived_with;
  const char* const end = version.data() + version.size();
  const auto [stopped, error] =
      std::from_chars(version.data(), end, line.version);
  if (product != kProduct || error != std::errc() || stopped != end ||
      line.version < 1) {
    return DataLossError(
        "{}: this is no statement of a store's format; restore this directory",
        path);
  }
  return line;
}

// Nothing where there is no such file.
absl::StatusOr<std::optional<Line>> ReadLine(const std::string& directory,
                                             const StoreFormat& format,
                                             std::string_view or_else = {}) {
  const std::string path = PathIn(directory);
  if (!FileExists(path)) return std::optional<Line>();
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  ASSIGN_OR_RETURN(Line line, ParseLine(path, text));
  if (line.store != format.store) {
    return FailedPreconditionError(
        "{}: here lies a {}, not a {}; mend the path in the configuration",
        directory, line.store, format.store);
  }
  if (line.version > format.version) {
    return FailedPreconditionError(
        "{}: the {} has format {}, this program knows formats up to {}; start "
        "the newer release that wrote it{}",
        directory, format.store, line.version, format.version, or_else);
  }
  return std::optional<Line>(std::move(line));
}

absl::Status WriteLine(const std::string& directory, const StoreFormat& format,
                       std::string_view derived_with) {
  RETURN_IF_ERROR(MakeDirectories(directory));
  std::string line =
      fmt::format("{} {} {}", kProduct, format.store, format.version);
  if (!derived_with.empty()) line.append(" ").append(derived_with);
  return WriteFileDurably(PathIn(directory), line + "\n");
}

}  // namespace

absl::Status CheckStoreFormat(const std::string& directory,
                              const StoreFormat& format) {
  return ReadLine(directory, format).status();
}

absl::Status OpenStoreFormat(const std::string& directory,
                             const StoreFormat& format) {
  ASSIGN_OR_RETURN(const auto line, ReadLine(directory, format));
  if (line.has_value()) return absl::OkStatus();
  return WriteLine(directory, format, {});
}

absl::Status OpenDerivedStore(const std::string& directory,
                              const StoreFormat& format,
                              std::string_view derived_with, bool anew) {
  if (!anew) {
    ASSIGN_OR_RETURN(const auto line,
                     ReadLine(directory, format, ", or say --rebuild-state"));
    if (line.has_value() && line->version == format.version &&
        line->derived_with == derived_with) {
      return absl::OkStatus();
    }
    if (FileExists(directory)) {
      spdlog::info("{}: the {} was made by another release; it is made anew",
                   directory, format.store);
    }
  }
  // The line first: what a crash leaves has none and is emptied again.
  RETURN_IF_ERROR(RemoveAll(PathIn(directory)));
  if (FileExists(directory)) RETURN_IF_ERROR(SyncDirectory(directory));
  RETURN_IF_ERROR(RemoveAll(directory));
  return WriteLine(directory, format, derived_with);
}

}  // namespace tongchou::base
