// Backups of a database: a directory of generations that share the files which
// have not changed since. The server that has the database open writes a
// generation; everything else is done by whoever asked for it, from the
// directory alone.
//
// A directory belongs to one database. It holds what lies in the database and,
// of what lies beside it, only its format: no key, no sign guard, no
// configuration.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/store_format.h"

namespace rocksdb {
class DB;
class FileLock;
class FileSystem;
}  // namespace rocksdb

namespace tongchou::ledger {

inline constexpr uint32_t kBackupsKept = 7;
inline constexpr uint32_t kBackupsKeptMax = 366;

// Bytes copied or read so far, of about how many; false = stop, where that is
// possible.
using BackupProgress = std::function<bool(uint64_t bytes, uint64_t total)>;

// One generation.
struct Backup {
  uint32_t number = 0;        // grows by one
  int64_t time_seconds = 0;   // when it was begun
  uint64_t bytes = 0;         // of all its files, shared ones too
  std::string origin;         // of the log, or the province's
  std::string format_line;    // of the store; empty = format 1
  std::string database_name;  // to open it as it lies, read-only ...
  std::shared_ptr<rocksdb::FileSystem> file_system;  // ... in this
};

// Writes a generation of an open database while that goes on being written: all
// that was synced when it began is in it, and whole group commits only. Returns
// its number; it counts when it was verified. FAILED_PRECONDITION when the
// directory is another database's or is used for something else;
// RESOURCE_EXHAUSTED when its disk is full; ABORTED when `progress` stopped it.
absl::StatusOr<uint32_t> WriteBackup(rocksdb::DB* db,
                                     const std::string& directory,
                                     const std::string& origin,
                                     const BackupProgress& progress);

// Keeps others from changing a directory of backups; made when it is not there.
// FAILED_PRECONDITION while another process has it.
class BackupLock {
 public:
  static absl::StatusOr<BackupLock> Take(const std::string& directory);

 private:
  explicit BackupLock(std::shared_ptr<rocksdb::FileLock> lock)
      : lock_(std::move(lock)) {}
  std::shared_ptr<rocksdb::FileLock> lock_;
};

// Oldest first. NOT_FOUND when the directory holds none.
absl::StatusOr<std::vector<Backup>> ListBackups(const std::string& directory);
// The one with this number, 0 = the newest.
absl::StatusOr<Backup> FindBackup(const std::string& directory,
                                  uint32_t number);

// Errors as those of base::CheckStoreFormat. Before anything of it is opened.
absl::Status CheckBackupFormat(const std::string& directory,
                               const Backup& backup,
                               const base::StoreFormat& format);

// Reads every file of it and compares sizes and checksums with those of its
// making. DATA_LOSS names the file.
absl::Status VerifyBackup(const std::string& directory, const Backup& backup,
                          const BackupProgress& progress);

// Copies it into `to`, which is made or emptied, comparing checksums; the
// format with it.
absl::Status RestoreBackup(const std::string& directory, const Backup& backup,
                           const std::string& to,
                           const BackupProgress& progress);

// Under the lock: removes one, or all but the newest `keep`, with the files
// that no other one shares.
absl::Status DeleteBackup(const std::string& directory, uint32_t number);
absl::Status PruneBackups(const std::string& directory, uint32_t keep);

}  // namespace tongchou::ledger
