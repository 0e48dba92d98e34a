#include "common/ledger/backup_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <utility>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/progress_line.h"
#include "common/base/status.h"

namespace tongchou::ledger {
namespace {

BackupProgress Show(base::ProgressLine* line) {
  return [line](uint64_t bytes, uint64_t total) {
    line->Show(bytes, total);
    return true;
  };
}

double Mebibytes(uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

std::string Line(const Backup& backup, const std::string& contents) {
  return fmt::format(
      "{}  {}  {:.1f} MiB  {}  {}", backup.number,
      base::FormatChinaTime(backup.time_seconds * base::kMicrosPerSecond)
          .substr(0, sizeof("2008-10-31T09:30:00") - 1),
      Mebibytes(backup.bytes), backup.origin, contents);
}

absl::Status Verify(const std::string& directory, const Backup& backup) {
  base::ProgressLine line(fmt::format("reading backup {} back", backup.number),
                          base::kMebibytes);
  return VerifyBackup(directory, backup, Show(&line));
}

absl::StatusOr<std::string> ReadBack(const std::string& directory,
                                     const Backup& backup,
                                     const BackedUp& kind) {
  RETURN_IF_ERROR(Verify(directory, backup));
  return kind.describe(backup);
}

// Of one that was written just now; it goes unless it holds.
absl::StatusOr<std::string> VerifyNewest(const std::string& directory,
                                         const Backup& backup,
                                         const BackedUp& kind) {
  auto contents = ReadBack(directory, backup, kind);
  if (contents.ok()) return contents;
  RETURN_IF_ERROR(DeleteBackup(directory, backup.number));
  return base::DataLossError(
      "{}; it was removed, the earlier ones may share what is damaged: see "
      "`backups {} --verify`, and take the next one into a new directory on "
      "another disk",
      base::Message(contents.status()), directory);
}

}  // namespace

std::string MakeAbsolute(const std::string& path) {
  std::string text =
      std::filesystem::absolute(path).lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

absl::Status TakeBackup(
    const BackupCommand& command,
    const std::function<absl::StatusOr<uint32_t>(const BackupProgress&)>& write,
    const BackedUp& kind) {
  const std::string& directory = command.directory;
  if ((directory + "/").starts_with(MakeAbsolute(command.data) + "/")) {
    return base::InvalidArgumentError(
        "{}: lies inside the data directory and would be lost with it; name a "
        "directory on another disk",
        directory);
  }
  ASSIGN_OR_RETURN(const BackupLock lock, BackupLock::Take(directory));
  const base::Stopwatch watch;
  uint64_t copied = 0;
  uint32_t number = 0;
  {
    base::ProgressLine line("copying", base::kMebibytes);
    ASSIGN_OR_RETURN(number, write([&](uint64_t bytes, uint64_t total) {
                       copied = bytes;
                       line.Show(bytes, total);
                       return true;
                     }));
  }
  const double written = watch.seconds();
  ASSIGN_OR_RETURN(const Backup backup, FindBackup(directory, number));
  RETURN_IF_ERROR(CheckBackupFormat(directory, backup, kind.format));
  ASSIGN_OR_RETURN(const std::string contents,
                   VerifyNewest(directory, backup, kind));
  RETURN_IF_ERROR(PruneBackups(directory, command.keep));
  ASSIGN_OR_RETURN(const auto kept, ListBackups(directory));
  fmt::print("{}\n", Line(backup, contents));
  fmt::print(
      "copied {:.1f} MiB in {:.1f} s, read back in {:.1f} s; {} lies in {} "
      "({} kept)\n",
      Mebibytes(copied), written, watch.seconds() - written, number, directory,
      kept.size());
  return absl::OkStatus();
}

absl::Status PrintBackups(const std::string& directory, bool verify,
                          const BackedUp& kind) {
  ASSIGN_OR_RETURN(const auto backups, ListBackups(directory));
  for (const Backup& backup : backups) {
    RETURN_IF_ERROR(CheckBackupFormat(directory, backup, kind.format));
    if (verify) RETURN_IF_ERROR(Verify(directory, backup));
    ASSIGN_OR_RETURN(const std::string contents, kind.describe(backup));
    fmt::print("{}\n", Line(backup, contents));
  }
  return absl::OkStatus();
}

absl::Status PutBackupInPlace(
    const RestoreCommand& command,
    const std::function<absl::StatusOr<std::string>(const std::string& path)>&
        check) {
  const std::string& database = command.database;
  if (base::FileExists(database)) {
    return base::FailedPreconditionError(
        "{} is there already: a backup goes into an empty data directory; move "
        "what lies there away, do not remove it",
        database);
  }
  ASSIGN_OR_RETURN(const Backup backup,
                   FindBackup(command.directory, command.number));
  if (backup.origin != command.origin) {
    return base::FailedPreconditionError(
        "backup {} in {} is of {}, this configuration is of {}", backup.number,
        command.directory, backup.origin, command.origin);
  }
  RETURN_IF_ERROR(CheckBackupFormat(command.directory, backup, command.format));
  const base::Stopwatch watch;
  const std::string incoming = database + ".incoming";
  {
    base::ProgressLine line("restoring", base::kMebibytes);
    RETURN_IF_ERROR(
        RestoreBackup(command.directory, backup, incoming, Show(&line)));
  }
  ASSIGN_OR_RETURN(const std::string contents, check(incoming));
  RETURN_IF_ERROR(base::Rename(incoming, database));
  RETURN_IF_ERROR(base::SyncDirectory(
      std::filesystem::path(database).parent_path().string()));
  fmt::print("{}\nrestored to {} in {:.1f} s\n", Line(backup, contents),
             database, watch.seconds());
  return absl::OkStatus();
}

}  // namespace tongchou::ledger
