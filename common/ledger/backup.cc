#include "common/ledger/backup.h"

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/utilities/backup_engine.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "common/base/file.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/ledger/rocksdb_status.h"

namespace tongchou::ledger {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr uint64_t kProgressBytes = 1 << 20;
constexpr char kLockName[] = "/LOCK";
// Where the engine keeps what it knows of each generation.
constexpr char kMetaName[] = "/meta";
// Between an origin, which has none, and the line of the format.
constexpr char kFormatMark = '\n';

// Adds up what an engine's threads read or write.
class ByteCount {
 public:
  ByteCount(BackupProgress progress, uint64_t total)
      : progress_(std::move(progress)), total_(total) {}

  void Add(uint64_t bytes) {
    base::MutexLock lock(mutex_);
    bytes_ += bytes;
    if (bytes_ - shown_ < kProgressBytes) return;
    shown_ = bytes_;
    if (!progress_(bytes_, std::max(total_, bytes_)) && stop_) stop_();
  }
  void SetTotal(uint64_t total) {
    base::MutexLock lock(mutex_);
    total_ = total;
  }
  // The end; what was estimated is known now.
  void Finish() {
    base::MutexLock lock(mutex_);
    progress_(bytes_, bytes_);
  }
  // What to do when the progress says so.
  void StopWith(std::function<void()> stop) {
    base::MutexLock lock(mutex_);
    stop_ = std::move(stop);
  }

 private:
  const BackupProgress progress_;
  base::Mutex mutex_;
  std::function<void()> stop_ ABSL_GUARDED_BY(mutex_);
  uint64_t total_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t shown_ ABSL_GUARDED_BY(mutex_) = 0;
};

class CountedReads final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  CountedReads(std::unique_ptr<rocksdb::FSSequentialFile> file,
               std::shared_ptr<ByteCount> count)
      : FSSequentialFileOwnerWrapper(std::move(file)),
        count_(std::move(count)) {}
  IOStatus Read(size_t n, const IOOptions& options, Slice* result,
                char* scratch, IODebugContext* debug) override {
    IOStatus status =
        FSSequentialFileOwnerWrapper::Read(n, options, result, scratch, debug);
    if (status.ok()) count_->Add(result->size());
    return status;
  }

 private:
  const std::shared_ptr<ByteCount> count_;
};

class CountedWrites final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  CountedWrites(std::unique_ptr<rocksdb::FSWritableFile> file,
                std::shared_ptr<ByteCount> count)
      : FSWritableFileOwnerWrapper(std::move(file)), count_(std::move(count)) {}
  IOStatus Append(const Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    count_->Add(data.size());
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& verification,
                  IODebugContext* debug) override {
    count_->Add(data.size());
    return FSWritableFileOwnerWrapper::Append(data, options, verification,
                                              debug);
  }

 private:
  const std::shared_ptr<ByteCount> count_;
};

// The file system of the backups, seen by whoever shows progress. It lives as
// long as a backup that is open as it lies.
class CountingFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit CountingFileSystem(std::shared_ptr<ByteCount> count)
      : FileSystemWrapper(rocksdb::FileSystem::Default()),
        count_(std::move(count)) {}
  const char* Name() const override { return "CountingFileSystem"; }

  IOStatus NewSequentialFile(const std::string& name,
                             const rocksdb::FileOptions& options,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result,
                             IODebugContext* debug) override {
    IOStatus status = target()->NewSequentialFile(name, options, result, debug);
    if (status.ok()) {
      *result = std::make_unique<CountedReads>(std::move(*result), count_);
    }
    return status;
  }
  IOStatus NewWritableFile(const std::string& name,
                           const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext* debug) override {
    IOStatus status = target()->NewWritableFile(name, options, result, debug);
    if (status.ok()) {
      *result = std::make_unique<CountedWrites>(std::move(*result), count_);
    }
    return status;
  }

 private:
  const std::shared_ptr<ByteCount> count_;
};

// An engine that counts; closed before its environment.
template <typename Engine>
class Opened {
 public:
  static absl::StatusOr<std::unique_ptr<Opened>> At(
      const std::string& directory, const BackupProgress& progress,
      uint64_t total) {
    std::unique_ptr<Opened> opened(new Opened(directory, progress, total));
    rocksdb::BackupEngineOptions options(directory, opened->env_.get());
    Engine* engine = nullptr;
    RETURN_IF_ERROR(
        opened->Check(Engine::Open(options, rocksdb::Env::Default(), &engine)));
    opened->engine_.reset(engine);
    return opened;
  }
  absl::Status Check(const rocksdb::Status& status) const {
    return FromRocksdb(status, "backups " + directory_);
  }
  Engine* operator->() const { return engine_.get(); }
  ByteCount& count() { return *count_; }

 private:
  Opened(std::string directory, const BackupProgress& progress, uint64_t total)
      : directory_(std::move(directory)),
        count_(std::make_shared<ByteCount>(progress, total)),
        env_(rocksdb::NewCompositeEnv(
            std::make_shared<CountingFileSystem>(count_))) {}

  const std::string directory_;
  const std::shared_ptr<ByteCount> count_;
  const std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<Engine> engine_;
};

bool GoOn(uint64_t, uint64_t) { return true; }

absl::StatusOr<std::unique_ptr<Opened<rocksdb::BackupEngineReadOnly>>> OpenRead(
    const std::string& directory, const BackupProgress& progress,
    uint64_t total) {
  if (!base::FileExists(directory + kMetaName)) {
    return base::NotFoundError(
        "{} holds no backups; name the directory that was given with --to",
        directory);
  }
  return Opened<rocksdb::BackupEngineReadOnly>::At(directory, progress, total);
}

absl::Status CheckUsable(const std::string& directory) {
  if (base::FileExists(directory + kMetaName)) return absl::OkStatus();
  std::error_code error;
  std::filesystem::directory_iterator files(directory, error);
  if (error) {
    return base::FailedPreconditionError("cannot list {}: {}", directory,
                                         error.message());
  }
  for (const auto& file : files) {
    if ("/" + file.path().filename().string() == kLockName) continue;
    return base::FailedPreconditionError(
        "{} holds other things ({}); name an empty or a new directory",
        directory, file.path().filename().string());
  }
  return absl::OkStatus();
}

// About how much of the database no generation has yet.
uint64_t BytesToCopy(rocksdb::DB* db,
                     const std::vector<rocksdb::BackupInfo>& known) {
  std::set<std::pair<uint64_t, uint64_t>> copied;
  for (const rocksdb::BackupInfo& backup : known) {
    for (const rocksdb::BackupFileInfo& file : backup.file_details) {
      copied.emplace(file.file_number, file.size);
    }
  }
  std::vector<rocksdb::LiveFileMetaData> live;
  db->GetLiveFilesMetaData(&live);
  uint64_t bytes = 0;
  for (const rocksdb::LiveFileMetaData& file : live) {
    if (!copied.contains({file.file_number, file.size})) bytes += file.size;
  }
  return bytes;
}

Backup FromInfo(const rocksdb::BackupInfo& info) {
  Backup backup;
  backup.number = info.backup_id;
  backup.time_seconds = info.timestamp;
  backup.bytes = info.size;
  const size_t mark = info.app_metadata.find(kFormatMark);
  backup.origin = info.app_metadata.substr(0, mark);
  if (mark != std::string::npos) {
    backup.format_line = info.app_metadata.substr(mark + 1);
  }
  backup.database_name = info.name_for_open;
  backup.file_system = info.env_for_open->GetFileSystem();
  return backup;
}

}  // namespace

absl::StatusOr<uint32_t> WriteBackup(rocksdb::DB* db,
                                     const std::string& directory,
                                     const std::string& origin,
                                     const BackupProgress& progress) {
  if (!std::filesystem::path(directory).is_absolute()) {
    return base::InvalidArgumentError(
        "backups: '{}' is no absolute path; a server has no folder of yours",
        directory);
  }
  RETURN_IF_ERROR(base::MakeDirectories(directory));
  RETURN_IF_ERROR(CheckUsable(directory));
  // First what says whose the directory is: a disk that is full before the
  // engine has all its folders leaves one that may be used again.
  RETURN_IF_ERROR(base::MakeDirectories(directory + kMetaName));
  ASSIGN_OR_RETURN(const auto engine,
                   Opened<rocksdb::BackupEngine>::At(directory, progress, 0));
  std::vector<rocksdb::BackupInfo> known;
  (*engine)->GetBackupInfo(&known, /*include_file_details=*/true);
  for (const rocksdb::BackupInfo& one : known) {
    const std::string other = FromInfo(one).origin;
    if (other == origin) continue;
    return base::FailedPreconditionError(
        "{} holds backups of {}; those of {} need a directory of their own",
        directory, other, origin);
  }
  ASSIGN_OR_RETURN(const std::string format_line,
                   base::ReadFormatLine(db->GetName()));
  engine->count().SetTotal(BytesToCopy(db, known));
  engine->count().StopWith([&engine] { (*engine)->StopBackup(); });
  rocksdb::CreateBackupOptions options;
  // So that next to nothing of the log of writes is copied, which is never
  // shared.
  options.flush_before_backup = true;
  rocksdb::BackupID number = 0;
  const rocksdb::Status written = (*engine)->CreateNewBackupWithMetadata(
      options, db, origin + kFormatMark + format_line, &number);
  if (written.IsIncomplete()) {
    return base::AbortedError("backups {}: stopped; the earlier ones stay",
                              directory);
  }
  RETURN_IF_ERROR(engine->Check(written));
  engine->count().Finish();
  return number;
}

absl::StatusOr<BackupLock> BackupLock::Take(const std::string& directory) {
  RETURN_IF_ERROR(base::MakeDirectories(directory));
  RETURN_IF_ERROR(CheckUsable(directory));
  rocksdb::Env* const env = rocksdb::Env::Default();
  rocksdb::FileLock* lock = nullptr;
  const rocksdb::Status status = env->LockFile(directory + kLockName, &lock);
  if (status.IsNoSpace()) return FromRocksdb(status, "backups " + directory);
  if (!status.ok()) {
    return base::FailedPreconditionError(
        "{}: another backup is being written there, or it may not be written "
        "({})",
        directory, status.ToString());
  }
  return BackupLock(std::shared_ptr<rocksdb::FileLock>(
      lock, [env](rocksdb::FileLock* held) { env->UnlockFile(held); }));
}

absl::StatusOr<std::vector<Backup>> ListBackups(const std::string& directory) {
  ASSIGN_OR_RETURN(const auto engine, OpenRead(directory, GoOn, 0));
  std::vector<rocksdb::BackupInfo> infos;
  (*engine)->GetBackupInfo(&infos, /*include_file_details=*/true);
  if (infos.empty()) {
    return base::NotFoundError("{} holds no whole backup", directory);
  }
  std::vector<Backup> backups;
  for (const rocksdb::BackupInfo& info : infos) {
    backups.push_back(FromInfo(info));
  }
  return backups;
}

absl::StatusOr<Backup> FindBackup(const std::string& directory,
                                  uint32_t number) {
  ASSIGN_OR_RETURN(const std::vector<Backup> backups, ListBackups(directory));
  if (number == 0) return backups.back();
  for (const Backup& one : backups) {
    if (one.number == number) return one;
  }
  return base::NotFoundError("{} holds no backup {}; it has {} to {}",
                             directory, number, backups.front().number,
                             backups.back().number);
}

absl::Status CheckBackupFormat(const std::string& directory,
                               const Backup& backup,
                               const base::StoreFormat& format) {
  return base::CheckFormatLine(
      fmt::format("backup {} in {}", backup.number, directory),
      backup.format_line, format);
}

absl::Status VerifyBackup(const std::string& directory, const Backup& backup,
                          const BackupProgress& progress) {
  ASSIGN_OR_RETURN(const auto engine,
                   OpenRead(directory, progress, backup.bytes));
  const rocksdb::Status status =
      (*engine)->VerifyBackup(backup.number, /*verify_with_checksum=*/true);
  if (!status.ok()) {
    return base::DataLossError("backup {} in {} is damaged: {}", backup.number,
                               directory, status.ToString());
  }
  engine->count().Finish();
  return absl::OkStatus();
}

absl::Status RestoreBackup(const std::string& directory, const Backup& backup,
                           const std::string& to,
                           const BackupProgress& progress) {
  RETURN_IF_ERROR(base::MakeEmptyDirectory(to));
  ASSIGN_OR_RETURN(const auto engine,
                   OpenRead(directory, progress, backup.bytes));
  const rocksdb::Status status =
      (*engine)->RestoreDBFromBackup(backup.number, to, to);
  if (status.IsCorruption()) {
    return base::DataLossError(
        "backup {} in {} is damaged: {}; take another one with --backup",
        backup.number, directory, status.ToString());
  }
  RETURN_IF_ERROR(engine->Check(status));
  RETURN_IF_ERROR(base::WriteFormatLine(to, backup.format_line));
  engine->count().Finish();
  return absl::OkStatus();
}

absl::Status DeleteBackup(const std::string& directory, uint32_t number) {
  ASSIGN_OR_RETURN(const auto engine,
                   Opened<rocksdb::BackupEngine>::At(directory, GoOn, 0));
  return engine->Check((*engine)->DeleteBackup(number));
}

absl::Status PruneBackups(const std::string& directory, uint32_t keep) {
  ASSIGN_OR_RETURN(const auto engine,
                   Opened<rocksdb::BackupEngine>::At(directory, GoOn, 0));
  return engine->Check((*engine)->PurgeOldBackups(keep));
}

}  // namespace tongchou::ledger
