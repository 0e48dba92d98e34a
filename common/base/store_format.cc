#include "common/base/store_format.h"

#include <charconv>
#include <filesystem>
#include <optional>
#include <sstream>
#include <system_error>

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

constexpr char kName[] = "FORMAT";

std::string PathIn(const std::string& directory) {
  return directory + "/" + kName;
}

absl::StatusOr<Line> ParseLine(std::string_view where,
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
        where);
  }
  return line;
}

absl::Status CheckLine(std::string_view where, const Line& line,
                       const StoreFormat& format, std::string_view or_else) {
  if (line.store != format.store) {
    return FailedPreconditionError(
        "{}: here lies a {}, not a {}; mend the path in the configuration",
        where, line.store, format.store);
  }
  if (line.version > format.version) {
    return FailedPreconditionError(
        "{}: the {} has format {}, this program knows formats up to {}; start "
        "the newer release that wrote it{}",
        where, format.store, line.version, format.version, or_else);
  }
  return absl::OkStatus();
}

// Nothing where there is no such file.
absl::StatusOr<std::optional<Line>> ReadLine(const std::string& directory,
                                             const StoreFormat& format,
                                             std::string_view or_else = {}) {
  const std::string path = PathIn(directory);
  if (!FileExists(path)) return std::optional<Line>();
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  ASSIGN_OR_RETURN(Line line, ParseLine(path, text));
  RETURN_IF_ERROR(CheckLine(directory, line, format, or_else));
  return std::optional<Line>(std::move(line));
}

absl::Status WriteLine(const std::string& directory, const StoreFormat& format,
                       std::string_view derived_with) {
  RETURN_IF_ERROR(MakeDirectories(directory));
  std::string line =
      fmt::format("{} {} {}", kProduct, format.store, format.version);
  if (!derived_with.empty()) line.append(" ").append(derived_with);
  return WriteFormatLine(directory, line);
}

// Whether a store lies in it, be it from before stores said what they are. A
// FORMAT that a crash left half written is none.
absl::StatusOr<bool> HoldsStore(const std::string& directory) {
  std::error_code error;
  std::filesystem::directory_iterator files(directory, error);
  if (error == std::errc::no_such_file_or_directory) return false;
  if (error) {
    return FailedPreconditionError("cannot list {}: {}", directory,
                                   error.message());
  }
  for (const auto& file : files) {
    if (!file.path().filename().string().starts_with(kName)) return true;
  }
  return false;
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
  ASSIGN_OR_RETURN(const bool older, HoldsStore(directory));
  return WriteLine(directory, older ? StoreFormat{format.store, 1} : format,
                   {});
}

absl::StatusOr<std::string> ReadFormatLine(const std::string& directory) {
  const std::string path = PathIn(directory);
  if (!FileExists(path)) return std::string();
  ASSIGN_OR_RETURN(std::string line, ReadFile(path));
  while (line.ends_with('\n')) line.pop_back();
  return line;
}

absl::Status CheckFormatLine(std::string_view where, const std::string& line,
                             const StoreFormat& format) {
  if (line.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Line parsed, ParseLine(where, line));
  return CheckLine(where, parsed, format, {});
}

absl::Status WriteFormatLine(const std::string& directory,
                             const std::string& line) {
  if (line.empty()) return absl::OkStatus();
  return WriteFileDurably(PathIn(directory), line + "\n");
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
