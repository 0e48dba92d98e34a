// What the commands of both servers do with backups: everything but asking the
// server and knowing what its database is.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "common/ledger/backup.h"

namespace tongchou::ledger {

// What a database holds, in words; an error when it contradicts itself.
using DescribeBackup =
    std::function<absl::StatusOr<std::string>(const Backup& backup)>;

struct BackupCommand {
  std::string directory;  // made absolute by MakeAbsolute
  std::string data;       // the server's, where no backup may lie
  uint32_t keep = kBackupsKept;
};

// From the folder in which the command was given.
std::string MakeAbsolute(const std::string& path);

// Lets `write` have the server write a generation, reads it back and compares,
// and removes the oldest ones beyond `keep`. One that does not hold is removed
// and the error says so; the earlier ones stay. Shows progress, prints what
// came of it.
absl::Status TakeBackup(
    const BackupCommand& command,
    const std::function<absl::StatusOr<uint32_t>(const BackupProgress&)>& write,
    const DescribeBackup& describe);

// Prints every generation, oldest first, with what it holds. `verify`: reads
// all of them first; DATA_LOSS names the first that is damaged.
absl::Status PrintBackups(const std::string& directory, bool verify,
                          const DescribeBackup& describe);

struct RestoreCommand {
  std::string directory;
  uint32_t number = 0;   // 0 = the newest
  std::string origin;    // whose it has to be
  std::string database;  // where it goes; must not be there
};

// Puts a generation in place, once `check` has opened it beside that.
// FAILED_PRECONDITION when something lies there, or when it is another's.
absl::Status PutBackupInPlace(
    const RestoreCommand& command,
    const std::function<absl::StatusOr<std::string>(const std::string& path)>&
        check);

}  // namespace tongchou::ledger
