// What the province received, in the order in which it wrote it. One RocksDB,
// one column family, keyspaces by first byte:
//
//   'J' ordinal (u64 BE) sub (u32 BE)     -> city, first sequence, bundle
//   'J' ordinal (u64 BE) ff ff ff ff      -> end of the group: checkpoints
//   'I' city (u24 BE) first sequence (u64)-> ordinal, sub
//   'P' city (u24 BE)                     -> position: range, times, checkpoint
//   'K' city (u24 BE) size (u64 BE)       -> every checkpoint received, with
//                                            the province's cosignature
//   'F' city (u24 BE) time (u64 BE)       -> fork evidence, two signed notes
//   'T' SHA-256 of a secret              -> Invitation (who may join with it)
//   'N' city (u24 BE)                    -> JoinedCity (its keys)
//   'C' city (u24 BE) sequence (u64)     -> the statement by which that entry
//                                            changed the log's key
//   'V' SHA-256 of a certificate         -> why it was revoked
//   'R' city (u24 BE)                    -> size up to which receipts that came
//                                            back with Refill go (u64)
//   'L' ...                               -> the province's own log, laid out
//                                            as common/ledger/log_store.h says
//
// A group is one synced write of all verified batches that had arrived,
// together with its receipt in the province's own log: it is there as a whole
// or not at all.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aggregator/journal/own_entries.h"
#include "common/base/clock.h"
#include "common/base/store_format.h"
#include "common/exchange/ingest.h"
#include "common/ledger/bundle.h"
#include "common/ledger/log_store.h"

namespace rocksdb {
class FileSystem;
}

namespace tongchou::aggregator {

inline constexpr base::StoreFormat kJournalFormat{"journal", 1};

struct JournalOptions {
  std::string directory;
  std::shared_ptr<rocksdb::FileSystem> file_system;  // null = the real one
  size_t block_cache_bytes = 64 << 20;
  base::Clock* clock = nullptr;  // null = the real one; outlives the journal
  bool read_only = false;        // for a backup as it lies
};

struct JournalBundle {
  uint32_t city = 0;
  uint64_t first_sequence = 0;
  uint64_t count = 0;
  std::string bytes;
  // The same, decoded; null when it was read from the disk.
  std::shared_ptr<const ledger::Bundle> decoded;
};

struct JournalCheckpoint {
  uint32_t city = 0;
  uint64_t size = 0;
  std::string note;  // the city's, cosigned by the province
  ledger::Hash root;
  int64_t commit_time_us = 0;  // of the last entry below size
};

// Bundles of one city are in the order of their sequences.
struct JournalGroup {
  uint64_t ordinal = 0;  // from 1, without gaps
  std::vector<JournalBundle> bundles;
  std::vector<JournalCheckpoint> checkpoints;
};

// One batch of one city, verified, on its way into a group.
struct JournalBatch {
  uint32_t city = 0;
  exchange::VerifiedBatch batch;
  std::string cosigned_checkpoint;
  uint64_t incarnation_counter = 0;
  uint64_t incarnation_nonce = 0;
};

// What came of a group.
struct Appended {
  JournalGroup group;  // as it was written; ordinal 0 without any batch
  // Of each batch, in the order given: OK, or why it alone was left out.
  std::vector<absl::Status> outcomes;
};

// One writer at a time, any number of readers; readers see whole groups.
class Journal {
 public:
  // Opens or creates. DATA_LOSS when what is stored contradicts itself;
  // FAILED_PRECONDITION when another process has it open, or it is of a newer
  // format.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(
      const JournalOptions& options);
  virtual ~Journal() = default;

  // One synced write. `entries` go into the province's own log, behind the
  // group's receipt, which the journal makes itself; without batches there is
  // neither receipt nor group. At most kOwnEntriesMax, the receipt included.
  // A batch that cannot be taken is left out, with those of its city that
  // build on it, and the others are written: FAILED_PRECONDITION when the city
  // is quarantined, INTERNAL when it does not continue what is held. An error
  // of the whole: nothing was written.
  virtual absl::StatusOr<Appended> Append(std::vector<JournalBatch> batches,
                                          std::vector<OwnEntry> entries) = 0;

  // While `reason` says why, nothing is appended to the province's own log, and
  // so no group is written and nothing decided: UNAVAILABLE with the reason. It
  // is asked before every write, from any thread.
  virtual void HoldWhile(std::function<std::string()> reason) = 0;
  // Appends entries of the province's own log that were lost here and came
  // back, verified, with their signed head; one synced write, also while the
  // log is held. Their groups are lost: they are read as empty ones, and what
  // cities send again has receipts that say so. Revoked certificates, cities
  // that joined and quarantines are known again. ABORTED when they do not
  // continue the log; DATA_LOSS when they cannot be what a journal wrote.
  virtual absl::Status Refill(const ledger::GroupCommit& commit) = 0;

  // The province's own log; only the journal appends to it.
  virtual ledger::LogStore& own_log() = 0;
  virtual const ledger::LogStore& own_log() const = 0;

  virtual uint64_t last_ordinal() const = 0;
  // Groups with ordinal >= `from`, in order, until `visit` returns false.
  virtual absl::Status ReadGroups(
      uint64_t from,
      const std::function<bool(JournalGroup&&)>& visit) const = 0;

  // Cities that have ever sent, by code.
  virtual std::vector<uint32_t> cities() const = 0;
  // What is held of a city; an empty copy when nothing is.
  virtual absl::StatusOr<exchange::CityCopy> City(uint32_t city) const = 0;
  virtual absl::StatusOr<ledger::Hash> RootAt(uint32_t city,
                                              uint64_t size) const = 0;

  // Bundles of one city in order, from the one that holds `sequence` on.
  virtual absl::Status ReadCity(
      uint32_t city, uint64_t sequence,
      const std::function<bool(JournalBundle&&)>& visit) const = 0;
  // Checkpoints with from < size <= to, in order.
  virtual absl::StatusOr<std::vector<JournalCheckpoint>> Checkpoints(
      uint32_t city, uint64_t from, uint64_t to) const = 0;

  // Durable facts about sessions and forks. Quarantine and release are entries
  // of the province's own log at the same time.
  virtual absl::Status PutIncarnation(uint32_t city, uint64_t counter,
                                      uint64_t nonce) = 0;
  virtual absl::Status Quarantine(uint32_t city, std::string_view reason,
                                  const exchange::ForkEvidence& evidence) = 0;
  // Ends a quarantine. FAILED_PRECONDITION when there is none.
  virtual absl::Status Release(uint32_t city, std::string_view who,
                               std::string_view reason) = 0;
  // Revoked certificates; revoking is an entry for the city, 0 = of no city.
  // The same once more changes nothing.
  virtual absl::Status Revoke(const ledger::Hash& certificate, uint32_t city,
                              std::string_view who,
                              std::string_view reason) = 0;
  virtual absl::StatusOr<std::vector<ledger::Hash>> Revoked() const = 0;
  // Changes of the city's log's key among what is held, in order.
  virtual absl::StatusOr<std::vector<ledger::KeyChange>> KeyChanges(
      uint32_t city) const = 0;
  // Invitations and what became of them, each an entry too. Join uses the
  // invitation up; for a city whose keys are replaced, `city` has all of them.
  virtual absl::Status Invite(const ledger::Hash& secret,
                              const v1::Invitation& invitation,
                              std::string_view who,
                              std::string_view reason) = 0;
  virtual absl::StatusOr<std::optional<v1::Invitation>> FindInvitation(
      const ledger::Hash& secret) const = 0;
  virtual absl::Status Join(const ledger::Hash& secret,
                            const v1::JoinedCity& city) = 0;
  virtual absl::StatusOr<std::vector<v1::JoinedCity>> JoinedCities() const = 0;

  // A backup of the whole journal, from any thread; see common/ledger/backup.h.
  virtual absl::StatusOr<uint32_t> WriteBackup(
      const std::string& directory, const std::string& origin,
      const ledger::BackupProgress& progress) const = 0;
};

}  // namespace tongchou::aggregator
