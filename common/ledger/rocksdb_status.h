// The one place where RocksDB's errors become ours, and the options that every
// database of the house starts from.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/file_system.h>
#include <rocksdb/options.h>
#include <rocksdb/status.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/store_format.h"
#include "common/ledger/disk_reserve.h"

namespace tongchou::ledger {

// Full disk: RESOURCE_EXHAUSTED; corruption: DATA_LOSS; locked by another
// process: FAILED_PRECONDITION; the rest: INTERNAL. `what` goes before the
// message.
absl::Status FromRocksdb(const rocksdb::Status& status, std::string_view what);

// Two background threads, one info log of bounded size, checksums on.
// `large_values` suits a log of bundles that are compressed already.
rocksdb::Options DatabaseOptions(bool large_values, size_t block_cache_bytes);

struct DatabasePlace {
  std::string directory;
  std::shared_ptr<rocksdb::FileSystem> file_system;  // null = the real one
  bool read_only = false;
};

// The environment outlives the database.
struct OpenedDatabase {
  std::unique_ptr<rocksdb::Env> env;  // null = the real one
  std::unique_ptr<rocksdb::DB> db;
};

// Looks at the format, then opens or, read-only, opens as it lies and changes
// nothing. Errors as those of OpenStoreFormat and FromRocksdb.
absl::StatusOr<OpenedDatabase> OpenDatabase(rocksdb::Options options,
                                            const DatabasePlace& place,
                                            const base::StoreFormat& format);
// RESOURCE_EXHAUSTED when less than `reserve` bytes are free.
absl::Status CheckSpace(const std::string& directory, uint64_t reserve,
                        std::string_view what);

// After a full disk: lets the database write again. OK when it does,
// RESOURCE_EXHAUSTED while there is no space, another error when something else
// stopped it: then it is to be opened again.
absl::Status ResumeWrites(rocksdb::DB* db, std::string_view what);

// Whether the database takes over files: not any more once an error stopped its
// writing, also when that was resumed; then its memtable has to do until it is
// opened again.
bool CanIngest(const rocksdb::DB& db);

// Lets the database take over sorted files as they lie, all or none; a file is
// gone afterwards in any case. `written`: whether they were written, an error
// is passed on. The caller has emptied the memtable, or never fills it: a file
// does not wait for older puts there. RESOURCE_EXHAUSTED when the disk is full.
absl::Status IngestFiles(rocksdb::DB* db, const std::vector<std::string>& files,
                         const absl::Status& written, std::string_view what);

// Smallest key behind all that begin with the prefix.
std::string PrefixEnd(std::string_view prefix);

inline std::string_view ToView(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}
inline rocksdb::Slice ToSlice(std::string_view view) {
  return {view.data(), view.size()};
}

}  // namespace tongchou::ledger
