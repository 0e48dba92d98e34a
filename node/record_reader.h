// Records and their past, read out of the log's bundles.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/ledger/bundle.h"
#include "common/ledger/log_store.h"
#include "tongchou/v1/common.pb.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::node {

// Decoded bundles that are kept.
inline constexpr size_t kBundleCacheMax = 64;

struct StoredEntry {
  v1::EntryHeader header;
  v1::EntryBody body;
};

// Thread-safe.
class RecordReader {
 public:
  RecordReader(const ledger::LogStore* log, uint32_t city)
      : log_(*log), city_(city) {}

  absl::StatusOr<StoredEntry> ReadEntry(uint64_t sequence);
  // All changes of the record whose last one is `sequence`, newest first.
  absl::StatusOr<std::vector<v1::RecordVersion>> ReadHistory(uint64_t sequence);
  // The record after the entry, for people.
  absl::StatusOr<v1::RecordView> ViewOf(const StoredEntry& entry) const;

 private:
  absl::StatusOr<std::shared_ptr<const ledger::Bundle>> BundleOf(
      uint64_t sequence);

  const ledger::LogStore& log_;
  const uint32_t city_;
  base::Mutex mutex_;
  // Newest first.
  std::list<std::shared_ptr<const ledger::Bundle>> cache_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace tongchou::node
