// Whole small files, durably. Paths are UTF-8.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace tongchou::base {

absl::StatusOr<std::string> ReadFile(const std::string& path);

// Replaces the file atomically: temporary file beside it, fsync, rename, fsync
// of the directory. After OK the new content survives power loss.
absl::Status WriteFileDurably(const std::string& path,
                              std::string_view content);

// The same with mode 0600, for private keys.
absl::Status WritePrivateFileDurably(const std::string& path,
                                     std::string_view content);

// FAILED_PRECONDITION when others than the owner may read or write the file.
absl::Status CheckPrivate(const std::string& path);

// mkdir -p; it survives power loss. OK when it exists already.
absl::Status MakeDirectories(const std::string& path);
// OK when it is not there.
absl::Status RemoveAll(const std::string& path);
// Replaces what `to` names, but for a directory with something in it.
absl::Status Rename(const std::string& from, const std::string& to);
// The files of a directory in a new one, durably; those whose names end in
// `immutable` are nobody's to write any more and are shared (hard links).
absl::Status CopyDirectory(const std::string& from, const std::string& to,
                           std::string_view immutable);
// A directory with nothing in it.
absl::Status MakeEmptyDirectory(const std::string& path);

// Makes what was created, renamed or removed in it survive power loss.
absl::Status SyncDirectory(const std::string& path);

bool FileExists(const std::string& path);

}  // namespace tongchou::base
