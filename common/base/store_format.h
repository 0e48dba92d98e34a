// What the format of a store is: one line in the file FORMAT of its directory,
//
//   tongchou log 1
//   tongchou unified-database 1 5f1b...   (what it was derived with)
//
// Looked at before anything else in the directory is opened or changed.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tongchou::base {

struct StoreFormat {
  std::string_view store;  // what it is, one word
  // The newest format that this program reads, and the one that it writes.
  int version = 1;
};

// Of a store that is there. A directory without the file is of format 1.
// FAILED_PRECONDITION when it is of a newer format, or another kind of store;
// DATA_LOSS when the file says neither. Changes nothing.
absl::Status CheckStoreFormat(const std::string& directory,
                              const StoreFormat& format);

// The same, and says so in a directory that has no such file, durably, making
// the directory if need be. What is new is of the newest format, what is there
// without the file of format 1.
absl::Status OpenStoreFormat(const std::string& directory,
                             const StoreFormat& format);

// The line that goes with a copy of a store: as it stands in the directory,
// without its end, empty where there is no such file; whether this program
// knows it (errors as of CheckStoreFormat, `where` names the copy); and into
// the directory of the copy, durably, where an empty one writes nothing.
absl::StatusOr<std::string> ReadFormatLine(const std::string& directory);
absl::Status CheckFormatLine(std::string_view where, const std::string& line,
                             const StoreFormat& format);
absl::Status WriteFormatLine(const std::string& directory,
                             const std::string& line);

// Of a store that can be made anew: its directory is emptied where its format
// is older, where it was derived with anything but `derived_with` (one word),
// and where the caller wants it. Errors as above, and nothing is read
// when it is `anew` by the caller's wish.
absl::Status OpenDerivedStore(const std::string& directory,
                              const StoreFormat& format,
                              std::string_view derived_with, bool anew);

}  // namespace tongchou::base
