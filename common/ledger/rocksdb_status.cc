#include "common/ledger/rocksdb_status.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <sys/statvfs.h>

#include <atomic>
#include <filesystem>
#include <memory>

#include "common/base/status.h"

namespace tongchou::ledger {
namespace {

constexpr char kKeyOfNobody[] = "~";

// How a database takes an error in the background.
class ErrorListener final : public rocksdb::EventListener {
 public:
  // A disk without room for a new write-ahead log file is as full as any:
  // RocksDB would not write again before it is reopened. Nothing is lost by
  // going on: what was acknowledged is synced in the files before.
  void OnBackgroundError(rocksdb::BackgroundErrorReason /*reason*/,
                         rocksdb::Status* error) override {
    if (error->severity() >= rocksdb::Status::Severity::kHardError) {
      was_stopped_ = true;
    }
    if (error->IsNoSpace() &&
        error->severity() > rocksdb::Status::Severity::kHardError) {
      *error = rocksdb::Status(*error, rocksdb::Status::Severity::kHardError);
    }
  }
  // When it goes on is for ResumeWrites to say: RocksDB would ask every five
  // seconds, and refuse everybody else meanwhile.
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/,
                            rocksdb::Status error,
                            bool* auto_recovery) override {
    if (error.IsNoSpace() &&
        error.severity() >= rocksdb::Status::Severity::kHardError) {
      *auto_recovery = false;
    }
  }

  bool was_stopped() const { return was_stopped_; }

 private:
  std::atomic<bool> was_stopped_ = false;
};

}  // namespace

absl::Status FromRocksdb(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = status.ToString();
  if (status.IsNoSpace()) {
    return base::ResourceExhaustedError(
        "{}: the disk is full ({}); free space, nothing is lost", what, text);
  }
  if (status.IsCorruption()) {
    return base::DataLossError("{}: {}; restore this directory", what, text);
  }
  if (status.IsNotFound()) return base::NotFoundError("{}: {}", what, text);
  if (text.find("lock ") != text.npos) {
    return base::FailedPreconditionError(
        "{}: another process has it open; stop that first ({})", what, text);
  }
  return base::InternalError("{}: {}", what, text);
}

rocksdb::Options DatabaseOptions(bool large_values, size_t block_cache_bytes) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.max_background_jobs = 2;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 2;
  options.max_log_file_size = 4 << 20;
  options.max_open_files = 512;
  options.level_compaction_dynamic_level_bytes = true;
  options.write_buffer_size = large_values ? 32 << 20 : 64 << 20;
  options.max_write_buffer_number = 3;
  options.bytes_per_sync = 1 << 20;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(block_cache_bytes);
  table.block_size = large_values ? 32 << 10 : 16 << 10;
  table.format_version = 5;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression =
      large_values ? rocksdb::kNoCompression : rocksdb::kLZ4Compression;
  if (!large_values) options.bottommost_compression = rocksdb::kZSTD;
  options.listeners.push_back(std::make_shared<ErrorListener>());
  return options;
}

absl::StatusOr<OpenedDatabase> OpenDatabase(rocksdb::Options options,
                                            const DatabasePlace& place,
                                            const base::StoreFormat& format) {
  RETURN_IF_ERROR(place.read_only
                      ? base::CheckStoreFormat(place.directory, format)
                      : base::OpenStoreFormat(place.directory, format));
  OpenedDatabase opened;
  if (place.file_system != nullptr) {
    opened.env = rocksdb::NewCompositeEnv(place.file_system);
    options.env = opened.env.get();
  }
  rocksdb::DB* db = nullptr;
  RETURN_IF_ERROR(FromRocksdb(
      place.read_only
          ? rocksdb::DB::OpenForReadOnly(options, place.directory, &db)
          : rocksdb::DB::Open(options, place.directory, &db),
      fmt::format("{} {}", format.store, place.directory)));
  opened.db.reset(db);
  return opened;
}

absl::Status CheckSpace(const std::string& directory, uint64_t reserve,
                        std::string_view what) {
  struct statvfs disk;
  if (statvfs(directory.c_str(), &disk) != 0) return absl::OkStatus();
  const uint64_t free = uint64_t{disk.f_bavail} * disk.f_frsize;
  if (free >= reserve) return absl::OkStatus();
  return base::ResourceExhaustedError(
      "{}: the disk is full ({} MiB free, {} are kept in reserve); free space, "
      "nothing is lost",
      what, free >> 20, reserve >> 20);
}

absl::Status ResumeWrites(rocksdb::DB* db, std::string_view what) {
  rocksdb::Status resumed = db->Resume();
  if (resumed.ok()) {
    // RocksDB 7.8 leaves the write-ahead log's file that met the error only
    // with a memtable that has something in it; the next write would stop the
    // process.
    rocksdb::WriteOptions memtable_only;
    memtable_only.disableWAL = true;
    resumed = db->Delete(memtable_only, kKeyOfNobody);
  }
  if (resumed.ok()) resumed = db->Resume();
  if (!resumed.IsNoSpace() && !resumed.IsBusy()) {
    return FromRocksdb(resumed, what);
  }
  return base::ResourceExhaustedError(
      "{}: the disk was full and writing has not resumed ({}); free space, "
      "nothing is lost",
      what, resumed.ToString());
}

// RocksDB 7.8 forgets, when it resumes, to tell its ingestion, which then takes
// file number 0.
bool CanIngest(const rocksdb::DB& db) {
  for (const auto& listener : db.GetDBOptions().listeners) {
    const auto* errors = dynamic_cast<const ErrorListener*>(listener.get());
    if (errors != nullptr && errors->was_stopped()) return false;
  }
  return true;
}

absl::Status IngestFiles(rocksdb::DB* db, const std::vector<std::string>& files,
                         const absl::Status& written, std::string_view what) {
  absl::Status status = written;
  if (status.ok()) {
    rocksdb::IngestExternalFileOptions options;
    options.move_files = true;
    options.write_global_seqno = false;
    options.snapshot_consistency = true;
    options.allow_blocking_flush = false;
    // One record of the manifest.
    status = FromRocksdb(db->IngestExternalFile(files, options), what);
  }
  std::error_code ignored;
  for (const std::string& file : files) {
    std::filesystem::remove(file, ignored);
  }
  return status;
}

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<uint8_t>(end.back()) == 0xff) {
    end.pop_back();
  }
  if (!end.empty()) ++end.back();
  return end;
}

}  // namespace tongchou::ledger
