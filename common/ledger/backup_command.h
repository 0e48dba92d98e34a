// What the commands of both servers do with backups: everything but asking the
// server and knowing what its database is.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "common/ledger/backup.h"

namespace tongchou::ledger {

// The kind of database that is backed up.
struct BackedUp {
  base::StoreFormat format;
  // What one holds, in words; an error when it contradicts itself.
  std::function<absl::StatusOr<std::string>(const Backup& backup)> describe;
};

struct BackupCommand {
  std::string directory;  // made absolute by MakeAbsolute
  std::string data;       // the server's, where no backup may lie
  uint32_t keep = kBackupsKept;
};

// From the folder in which the command was given.
std::string MakeAbsolute(const std::string& path);

// Lets `write` have the server write a generation, reads it back and compares,
// and removes the oldest ones beyond `keep`. One that does not hold is removed
// and the error says so; the earlier ones stay. FAILED_PRECONDITION when the
// server is of a newer release and its format unknown here. Shows progress,
// prints what came of it.
absl::Status TakeBackup(
    const BackupCommand& command,
    const std::function<absl::StatusOr<uint32_t>(const BackupProgress&)>& write,
    const BackedUp& kind);

// Prints every generation, oldest first, with what it holds. `verify`: reads
// each of them before; DATA_LOSS names the first that is damaged,
// FAILED_PRECONDITION the first whose format is newer than `kind`'s.
absl::Status PrintBackups(const std::string& directory, bool verify,
                          const BackedUp& kind);

struct RestoreCommand {
  std::string directory;
  uint32_t number = 0;   // 0 = the newest
  std::string origin;    // whose it has to be
  std::string database;  // where it goes; must not be there
  base::StoreFormat format;
};

// Puts a generation in place, once `check` has opened it beside that.
// FAILED_PRECONDITION when something lies there, when it is another's, and when
// its format is newer than `format`: then nothing was copied.
absl::Status PutBackupInPlace(
    const RestoreCommand& command,
    const std::function<absl::StatusOr<std::string>(const std::string& path)>&
        check);

}  // namespace tongchou::ledger
