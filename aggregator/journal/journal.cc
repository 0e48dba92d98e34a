#include "aggregator/journal/journal.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/snapshot.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <deque>
#include <map>
#include <string_view>
#include <utility>

#include "common/base/big_endian.h"
#include "common/base/file.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/rocksdb_status.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::aggregator {
namespace {

using exchange::CityCopy;
using ledger::CompactRange;
using ledger::Hash;
using ledger::ToSlice;
using ledger::ToView;

using Positions = std::map<uint32_t, CityCopy>;
using Sizes = std::map<uint32_t, uint64_t>;

constexpr size_t kCityBytes = 3;
constexpr size_t kSubBytes = 4;
constexpr size_t kLengthBytes = 4;
constexpr size_t kNumberBytes = 8;
constexpr size_t kHashBytes = 32;
constexpr uint32_t kCityMax = 0xffffff;
constexpr uint32_t kGroupEnd = 0xffffffff;
constexpr size_t kKnownRootsMax = 8;  // of each city

std::string GroupKey(uint64_t ordinal, uint32_t sub) {
  std::string key = "J";
  base::AppendBigEndian<kNumberBytes>(ordinal, &key);
  base::AppendBigEndian<kSubBytes>(sub, &key);
  return key;
}

std::string CityKey(char space, uint32_t city) {
  std::string key(1, space);
  base::AppendBigEndian<kCityBytes>(city, &key);
  return key;
}

std::string CityKey(char space, uint32_t city, uint64_t number) {
  std::string key = CityKey(space, city);
  base::AppendBigEndian<kNumberBytes>(number, &key);
  return key;
}

uint64_t NumberOf(const rocksdb::Slice& city_key) {
  return base::ReadBigEndian(ToView(city_key).substr(1 + kCityBytes));
}

void AppendText(std::string_view text, std::string* out) {
  base::AppendBigEndian<kLengthBytes>(text.size(), out);
  out->append(text);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::string_view Take(size_t bytes) {
    ok_ = ok_ && bytes <= rest_.size();
    if (!ok_) return {};
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  uint64_t Number(size_t bytes = kNumberBytes) {
    return base::ReadBigEndian(Take(bytes));
  }
  int64_t Time() { return static_cast<int64_t>(Number()); }
  uint32_t City() { return static_cast<uint32_t>(Number(kCityBytes)); }
  std::string Text() { return std::string(Take(Number(kLengthBytes))); }
  Hash ReadHash() {
    const std::string_view bytes = Take(kHashBytes);
    return ok_ ? Hash::FromView(bytes) : Hash();
  }
  std::string_view Rest() { return Take(rest_.size()); }

  bool at_end() const { return rest_.empty(); }
  bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::string EncodePosition(const CityCopy& copy) {
  std::string bytes;
  base::AppendBigEndian<kNumberBytes>(
      static_cast<uint64_t>(copy.last_commit_time_us), &bytes);
  base::AppendBigEndian<kNumberBytes>(copy.incarnation_counter, &bytes);
  base::AppendBigEndian<kNumberBytes>(copy.incarnation_nonce, &bytes);
  AppendText(copy.quarantine, &bytes);
  AppendText(copy.checkpoint, &bytes);
  return bytes + copy.range.Encode();
}

absl::StatusOr<CityCopy> DecodePosition(std::string_view bytes) {
  Reader reader(bytes);
  CityCopy copy;
  copy.last_commit_time_us = reader.Time();
  copy.incarnation_counter = reader.Number();
  copy.incarnation_nonce = reader.Number();
  copy.quarantine = reader.Text();
  copy.checkpoint = reader.Text();
  if (!reader.ok()) return base::DataLossError("a position is cut");
  ASSIGN_OR_RETURN(copy.range, CompactRange::Decode(reader.Rest()));
  return copy;
}

struct KeptCheckpoint {
  JournalCheckpoint checkpoint;
  CompactRange range;
};

std::string EncodeKept(const JournalCheckpoint& checkpoint,
                       const CompactRange& range) {
  std::string bytes;
  base::AppendBigEndian<kNumberBytes>(
      static_cast<uint64_t>(checkpoint.commit_time_us), &bytes);
  AppendText(checkpoint.note, &bytes);
  return bytes + range.Encode();
}

absl::StatusOr<KeptCheckpoint> DecodeKept(uint32_t city, uint64_t size,
                                          std::string_view bytes) {
  Reader reader(bytes);
  KeptCheckpoint kept;
  kept.checkpoint.city = city;
  kept.checkpoint.size = size;
  kept.checkpoint.commit_time_us = reader.Time();
  kept.checkpoint.note = reader.Text();
  if (!reader.ok()) return base::DataLossError("a checkpoint is cut");
  ASSIGN_OR_RETURN(kept.range, CompactRange::Decode(reader.Rest()));
  if (kept.range.size() != size) {
    return base::DataLossError("a checkpoint has the range of another size");
  }
  kept.checkpoint.root = kept.range.Root();
  return kept;
}

std::string EncodeGroupEnd(const JournalGroup& group) {
  std::string bytes;
  base::AppendBigEndian<kSubBytes>(group.bundles.size(), &bytes);
  for (const JournalCheckpoint& checkpoint : group.checkpoints) {
    base::AppendBigEndian<kCityBytes>(checkpoint.city, &bytes);
    base::AppendBigEndian<kNumberBytes>(checkpoint.size, &bytes);
    base::AppendBigEndian<kNumberBytes>(
        static_cast<uint64_t>(checkpoint.commit_time_us), &bytes);
    bytes.append(checkpoint.root.view());
    AppendText(checkpoint.note, &bytes);
  }
  return bytes;
}

absl::Status DecodeGroupEnd(std::string_view bytes, JournalGroup* group) {
  Reader reader(bytes);
  if (reader.Number(kSubBytes) != group->bundles.size()) {
    return base::DataLossError("group {} lacks bundles", group->ordinal);
  }
  while (reader.ok() && !reader.at_end()) {
    JournalCheckpoint& checkpoint = group->checkpoints.emplace_back();
    checkpoint.city = reader.City();
    checkpoint.size = reader.Number();
    checkpoint.commit_time_us = reader.Time();
    checkpoint.root = reader.ReadHash();
    checkpoint.note = reader.Text();
  }
  if (!reader.ok()) {
    return base::DataLossError("the end of group {} is cut", group->ordinal);
  }
  return absl::OkStatus();
}

absl::StatusOr<JournalBundle> DecodeBundle(std::string_view bytes) {
  Reader reader(bytes);
  JournalBundle bundle;
  bundle.city = reader.City();
  bundle.first_sequence = reader.Number();
  if (!reader.ok()) return base::DataLossError("a bundle is cut");
  bundle.bytes = reader.Rest();
  ASSIGN_OR_RETURN(const auto range, ledger::PeekBundle(bundle.bytes));
  if (range.first_sequence != bundle.first_sequence) {
    return base::DataLossError("a bundle lies at the place of another");
  }
  bundle.count = range.count;
  return bundle;
}

void PutBundle(const std::string& key, const JournalBundle& bundle,
               rocksdb::WriteBatch* writes) {
  std::string head;
  base::AppendBigEndian<kCityBytes>(bundle.city, &head);
  base::AppendBigEndian<kNumberBytes>(bundle.first_sequence, &head);
  const rocksdb::Slice name(key);
  const rocksdb::Slice parts[] = {head, bundle.bytes};
  writes->Put(rocksdb::SliceParts(&name, 1), rocksdb::SliceParts(parts, 2));
}

absl::Status CheckContinues(const JournalBatch& offered,
                            const CompactRange& held) {
  const exchange::VerifiedBatch& batch = offered.batch;
  uint64_t next = held.size();
  for (const exchange::VerifiedBatch::Piece& piece : batch.bundles) {
    const auto range = ledger::PeekBundle(piece.bytes);
    if (piece.first_sequence != next || piece.count == 0 || !range.ok() ||
        range->first_sequence != next || range->count != piece.count) {
      return base::InternalError(
          "journal: city {}: the bundle at {} does not continue at {}",
          offered.city, piece.first_sequence, next);
    }
    next += piece.count;
  }
  if (batch.end_size != next || batch.range.size() != next) {
    return base::InternalError(
        "journal: city {}: a batch to {} with a range of {} ends at {}",
        offered.city, batch.end_size, batch.range.size(), next);
  }
  if (next == held.size() && batch.range != held) {
    return base::InternalError("journal: city {}: another tree of size {}",
                               offered.city, next);
  }
  return absl::OkStatus();
}

void FillRange(uint32_t city, uint64_t from, const CompactRange& held,
               v1::CityRange* range) {
  range->set_city(city);
  range->set_from(from);
  range->set_to(held.size());
  range->set_root(std::string(held.Root().view()));
}

// `who` is empty for what no person did.
v1::CityAct MakeAct(v1::CityActKind kind, uint32_t city, std::string_view who,
                    std::string_view reason) {
  v1::CityAct act;
  act.set_kind(kind);
  act.set_city(city);
  act.set_who(std::string(who));
  act.set_reason(std::string(reason));
  return act;
}

struct View {
  View(rocksdb::DB* db, uint64_t ordinal, uint64_t city_size)
      : held(db),
        snapshot(held.snapshot()),
        last_ordinal(ordinal),
        size(city_size) {}
  rocksdb::ReadOptions Options() const {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    return options;
  }

  rocksdb::ManagedSnapshot held;
  const rocksdb::Snapshot* const snapshot;
  const uint64_t last_ordinal;
  const uint64_t size;
};

struct Draft {
  JournalGroup group;
  Positions positions;
  v1::GroupReceipt receipt;
  ledger::StagedCommit own;
  rocksdb::WriteBatch writes;
  // What comes back from the mirror.
  bool comes_back = false;
  uint64_t last_ordinal = 0;  // of groups that are empty now
  Sizes receipted;
};

class RocksJournal final : public Journal {
 public:
  RocksJournal(std::unique_ptr<rocksdb::Env> env,
               std::unique_ptr<rocksdb::DB> db, const JournalOptions& options)
      : env_(std::move(env)),
        db_(std::move(db)),
        directory_(options.directory),
        clock_(options.clock == nullptr ? real_clock_ : *options.clock) {
    synced_.sync = true;
  }
  ~RocksJournal() override { db_->Close(); }

  absl::Status Load();

  absl::StatusOr<Appended> Append(std::vector<JournalBatch> batches,
                                  std::vector<OwnEntry> entries) override;
  ledger::LogStore& own_log() override { return *own_log_; }
  const ledger::LogStore& own_log() const override { return *own_log_; }
  uint64_t last_ordinal() const override {
    base::MutexLock lock(mutex_);
    return last_ordinal_;
  }
  absl::Status ReadGroups(
      uint64_t from,
      const std::function<bool(JournalGroup&&)>& visit) const override;
  void HoldWhile(std::function<std::string()> reason) override {
    base::MutexLock writer(writer_mutex_);
    hold_reason_ = std::move(reason);
  }
  absl::Status Refill(const ledger::GroupCommit& commit) override;
  std::vector<uint32_t> cities() const override;
  absl::StatusOr<CityCopy> City(uint32_t city) const override {
    return CopyOf(city);
  }
  absl::StatusOr<Hash> RootAt(uint32_t city, uint64_t size) const override;
  absl::Status ReadCity(
      uint32_t city, uint64_t sequence,
      const std::function<bool(JournalBundle&&)>& visit) const override {
    return ReadBundles(Look(city), city, sequence, visit);
  }
  absl::StatusOr<std::vector<JournalCheckpoint>> Checkpoints(
      uint32_t city, uint64_t from, uint64_t to) const override;
  absl::Status PutIncarnation(uint32_t city, uint64_t counter,
                              uint64_t nonce) override;
  absl::Status Quarantine(uint32_t city, std::string_view reason,
                          const exchange::ForkEvidence& evidence) override;
  absl::Status Release(uint32_t city, std::string_view who,
                       std::string_view reason) override;
  absl::Status Revoke(const Hash& certificate, uint32_t city,
                      std::string_view who, std::string_view reason) override;
  absl::StatusOr<std::vector<Hash>> Revoked() const override;
  absl::Status Invite(const Hash& secret, const v1::Invitation& invitation,
                      std::string_view who, std::string_view reason) override;
  absl::StatusOr<std::optional<v1::Invitation>> FindInvitation(
      const Hash& secret) const override;
  absl::Status Join(const Hash& secret, const v1::JoinedCity& city) override;
  absl::StatusOr<std::vector<v1::JoinedCity>> JoinedCities() const override;
  absl::StatusOr<std::vector<ledger::KeyChange>> KeyChanges(
      uint32_t city) const override;
  absl::StatusOr<uint32_t> WriteBackup(
      const std::string& directory, const std::string& origin,
      const ledger::BackupProgress& progress) const override {
    return ledger::WriteBackup(db_.get(), directory, origin, progress);
  }

 private:
  absl::Status Check(const rocksdb::Status& status) const {
    return ledger::FromRocksdb(status, "journal " + directory_);
  }
  absl::Status Damaged(std::string_view what) const {
    return base::DataLossError("journal {}: {}; restore it", directory_, what);
  }
  absl::Status Damaged(const absl::Status& status) const {
    return Damaged(base::Message(status));
  }
  absl::Status CheckWritable(uint32_t city) const;
  CityCopy CopyOf(uint32_t city) const;
  View Look(uint32_t city) const;

  absl::Status LoadPositions();
  absl::Status LoadLastOrdinal();
  absl::Status LoadOwnLog();
  absl::Status LoadReceipted();
  absl::Status CheckNotHeld() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  void AddReceipt(Draft* draft) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  absl::Status TakeBack(const v1::EntryHeader& header,
                        const v1::EntryBody& body, Draft* draft) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  absl::Status TakeBackReceipt(const v1::GroupReceipt& receipt,
                               Draft* draft) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  absl::Status TakeBackAct(const v1::CityAct& act, Draft* draft) const;
  absl::Status AddBatch(uint64_t ordinal, JournalBatch batch,
                        Draft* draft) const;
  void AddEntries(const std::vector<OwnEntry>& entries, Draft* draft)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  absl::Status Commit(Draft* draft)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  absl::Status CommitAct(const v1::CityAct& act, Draft* draft)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  absl::StatusOr<uint64_t> FreeEvidenceTime(uint32_t city) const;

  absl::StatusOr<bool> AddToGroup(std::string_view key, std::string_view value,
                                  JournalGroup* group) const;
  absl::StatusOr<JournalBundle> BundleOf(const View& view, uint32_t city,
                                         uint64_t first_sequence,
                                         std::string_view place) const;
  absl::Status ReadBundles(
      const View& view, uint32_t city, uint64_t sequence,
      const std::function<bool(JournalBundle&&)>& visit) const;
  absl::StatusOr<Hash> ComputeRoot(uint32_t city, uint64_t size) const;
  absl::StatusOr<CompactRange> NearestRange(const View& view, uint32_t city,
                                            uint64_t size) const;

  const std::unique_ptr<rocksdb::Env> env_;
  const std::unique_ptr<rocksdb::DB> db_;
  const std::string directory_;
  base::RealClock real_clock_;
  base::Clock& clock_;
  rocksdb::WriteOptions synced_;
  base::Mutex writer_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  std::unique_ptr<ledger::LogStore> own_log_;  // closed before the database
  ledger::BundleWriter own_writer_ ABSL_GUARDED_BY(writer_mutex_);
  std::function<std::string()> hold_reason_ ABSL_GUARDED_BY(writer_mutex_);
  Sizes receipted_ ABSL_GUARDED_BY(writer_mutex_);  // by what came back
  mutable base::Mutex mutex_;
  Positions positions_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_ordinal_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failed_ ABSL_GUARDED_BY(mutex_);
  bool disk_was_full_ = false;  // only the writer touches it
  // Of sizes that were asked for lately, by city; they never change.
  struct KnownRoot {
    uint64_t size;
    Hash root;
  };
  mutable base::Mutex roots_mutex_;
  mutable std::map<uint32_t, std::deque<KnownRoot>> roots_
      ABSL_GUARDED_BY(roots_mutex_);
};

absl::Status RocksJournal::Load() {
  RETURN_IF_ERROR(LoadLastOrdinal());
  RETURN_IF_ERROR(LoadPositions());
  RETURN_IF_ERROR(LoadOwnLog());
  RETURN_IF_ERROR(LoadReceipted());
  for (const uint32_t city : cities()) {
    const CityCopy copy = CopyOf(city);
    const uint64_t size = copy.range.size();
    if (size == 0) continue;
    ASSIGN_OR_RETURN(const auto range, NearestRange(Look(city), city, size));
    if (range != copy.range) {
      return Damaged(fmt::format(
          "position and checkpoints of city {} contradict each other", city));
    }
  }
  return absl::OkStatus();
}

absl::Status RocksJournal::LoadLastOrdinal() {
  const std::unique_ptr<rocksdb::Iterator> it(
      db_->NewIterator(rocksdb::ReadOptions()));
  it->SeekForPrev(ledger::PrefixEnd("J"));
  RETURN_IF_ERROR(Check(it->status()));
  if (!it->Valid() || !it->key().starts_with("J")) return absl::OkStatus();
  Reader reader(ToView(it->key()).substr(1));
  const uint64_t ordinal = reader.Number();
  if (ToView(it->key()) != GroupKey(ordinal, kGroupEnd)) {
    return Damaged("the last group has no end");
  }
  base::MutexLock lock(mutex_);
  last_ordinal_ = ordinal;
  return absl::OkStatus();
}

absl::Status RocksJournal::LoadPositions() {
  const std::string end = ledger::PrefixEnd("P");
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  Positions positions;
  for (it->Seek("P"); it->Valid(); it->Next()) {
    auto copy = DecodePosition(ToView(it->value()));
    if (!copy.ok()) return Damaged(copy.status());
    Reader reader(ToView(it->key()).substr(1));
    positions[reader.City()] = *std::move(copy);
  }
  RETURN_IF_ERROR(Check(it->status()));
  base::MutexLock lock(mutex_);
  positions_ = std::move(positions);
  return absl::OkStatus();
}

// A journal from before it had a log of its own begins it with a receipt for
// all that is there.
absl::Status RocksJournal::LoadOwnLog() {
  ASSIGN_OR_RETURN(own_log_, ledger::LogStore::OpenWithin(db_.get(), "L"));
  if (own_log_->Head().size() > 0 || last_ordinal() == 0) {
    return absl::OkStatus();
  }
  base::MutexLock writer(writer_mutex_);
  Draft draft;
  draft.receipt.set_ordinal(last_ordinal());
  for (const uint32_t city : cities()) {
    const CityCopy copy = CopyOf(city);
    if (copy.range.size() == 0) continue;
    FillRange(city, 0, copy.range, draft.receipt.add_ranges());
  }
  AddEntries({ReceiptEntry(draft.receipt)}, &draft);
  return Commit(&draft);
}

absl::Status RocksJournal::CheckWritable(uint32_t city) const {
  if (city > kCityMax) {
    return base::InternalError("journal: {} is no city code", city);
  }
  base::MutexLock lock(mutex_);
  return failed_;
}

CityCopy RocksJournal::CopyOf(uint32_t city) const {
  base::MutexLock lock(mutex_);
  const auto found = positions_.find(city);
  return found == positions_.end() ? CityCopy() : found->second;
}

View RocksJournal::Look(uint32_t city) const {
  base::MutexLock lock(mutex_);
  const auto found = positions_.find(city);
  return View(db_.get(), last_ordinal_,
              found == positions_.end() ? 0 : found->second.range.size());
}

std::vector<uint32_t> RocksJournal::cities() const {
  base::MutexLock lock(mutex_);
  std::vector<uint32_t> codes;
  for (const auto& [city, copy] : positions_) codes.push_back(city);
  return codes;
}

absl::StatusOr<Appended> RocksJournal::Append(std::vector<JournalBatch> batches,
                                              std::vector<OwnEntry> entries) {
  if (batches.empty() && entries.empty()) {
    return base::InternalError("journal: a group without batches");
  }
  base::MutexLock writer(writer_mutex_);
  RETURN_IF_ERROR(CheckWritable(0));
  Appended appended;
  Draft draft;
  const uint64_t ordinal = last_ordinal() + 1;
  for (JournalBatch& batch : batches) {
    appended.outcomes.push_back(AddBatch(ordinal, std::move(batch), &draft));
  }
  if (draft.group.ordinal > 0) {
    draft.writes.Put(GroupKey(ordinal, kGroupEnd), EncodeGroupEnd(draft.group));
    AddReceipt(&draft);
    entries.insert(entries.begin(), ReceiptEntry(draft.receipt));
  }
  if (entries.empty()) return appended;
  AddEntries(entries, &draft);
  RETURN_IF_ERROR(Commit(&draft));
  appended.group = std::move(draft.group);
  return appended;
}

// A part for which there was a receipt before the disk was lost has none again.
void RocksJournal::AddReceipt(Draft* draft) const {
  draft->receipt.set_ordinal(draft->group.ordinal);
  for (const auto& [city, copy] : draft->positions) {
    const uint64_t held = CopyOf(city).range.size();
    const auto known = receipted_.find(city);
    const uint64_t covered =
        known == receipted_.end() ? held : std::max(held, known->second);
    if (held < covered) {
      FillRange(city, held, copy.range, draft->receipt.add_again());
    }
    if (held == covered || copy.range.size() > covered) {
      FillRange(city, covered, copy.range, draft->receipt.add_ranges());
    }
  }
}

absl::Status RocksJournal::CheckNotHeld() const {
  const std::string reason = hold_reason_ ? hold_reason_() : "";
  if (reason.empty()) return absl::OkStatus();
  return base::UnavailableError("the province's own log is held: {}", reason);
}

void RocksJournal::AddEntries(const std::vector<OwnEntry>& entries,
                              Draft* draft) {
  const ledger::GroupCommit commit = MakeOwnCommit(
      own_log_->Head(), entries, clock_.NowMicros(), &own_writer_);
  draft->own = own_log_->Stage(commit, &draft->writes);
}

// A batch that is refused leaves nothing in the draft.
absl::Status RocksJournal::AddBatch(uint64_t ordinal, JournalBatch batch,
                                    Draft* draft) const {
  const uint32_t city = batch.city;
  RETURN_IF_ERROR(CheckWritable(city));
  const auto before = draft->positions.find(city);
  CityCopy position =
      before == draft->positions.end() ? CopyOf(city) : before->second;
  if (!position.quarantine.empty()) {
    return base::FailedPreconditionError(
        "journal: {:06} is quarantined ({}); nothing of it is taken before it "
        "is released",
        city, position.quarantine);
  }
  RETURN_IF_ERROR(CheckContinues(batch, position.range));
  JournalGroup& group = draft->group;
  group.ordinal = ordinal;
  for (exchange::VerifiedBatch::Piece& piece : batch.batch.bundles) {
    const std::string key =
        GroupKey(group.ordinal, static_cast<uint32_t>(group.bundles.size()));
    group.bundles.push_back({city, piece.first_sequence, piece.count,
                             std::move(piece.bytes), std::move(piece.decoded)});
    PutBundle(key, group.bundles.back(), &draft->writes);
    draft->writes.Put(CityKey('I', city, piece.first_sequence), key.substr(1));
  }
  for (const ledger::KeyChange& change : batch.batch.key_changes) {
    draft->writes.Put(CityKey('C', city, change.sequence), change.statement);
  }
  position.range = std::move(batch.batch.range);
  position.last_commit_time_us = batch.batch.last_commit_time_us;
  position.checkpoint = batch.cosigned_checkpoint;
  if (batch.incarnation_counter > position.incarnation_counter) {
    position.incarnation_counter = batch.incarnation_counter;
    position.incarnation_nonce = batch.incarnation_nonce;
  }
  group.checkpoints.push_back(
      {city, position.range.size(), std::move(batch.cosigned_checkpoint),
       position.range.Root(), position.last_commit_time_us});
  draft->writes.Put(CityKey('K', city, position.range.size()),
                    EncodeKept(group.checkpoints.back(), position.range));
  draft->positions[city] = std::move(position);
  return absl::OkStatus();
}

absl::Status RocksJournal::Commit(Draft* draft) {
  RETURN_IF_ERROR(CheckWritable(0));
  if (!draft->own.bundles.empty() && !draft->comes_back) {
    RETURN_IF_ERROR(CheckNotHeld());
  }
  RETURN_IF_ERROR(ledger::CheckSpace(db_->GetName(), ledger::kDiskReserveBytes,
                                     "journal " + db_->GetName()));
  if (disk_was_full_) {
    RETURN_IF_ERROR(ledger::ResumeWrites(db_.get(), "journal"));
  }
  for (const auto& [city, copy] : draft->positions) {
    draft->writes.Put(CityKey('P', city), EncodePosition(copy));
  }
  const absl::Status written = Check(db_->Write(synced_, &draft->writes));
  disk_was_full_ = absl::IsResourceExhausted(written);
  if (written.ok() && !draft->own.bundles.empty()) {
    own_log_->Publish(std::move(draft->own));
  }
  base::MutexLock lock(mutex_);
  if (!written.ok()) {
    if (!disk_was_full_) failed_ = written;
    return written;
  }
  for (const auto& [city, copy] : draft->positions) positions_[city] = copy;
  if (draft->group.ordinal > 0) last_ordinal_ = draft->group.ordinal;
  if (draft->comes_back) last_ordinal_ = draft->last_ordinal;
  return absl::OkStatus();
}

absl::Status RocksJournal::LoadReceipted() {
  base::MutexLock writer(writer_mutex_);
  const std::string end = ledger::PrefixEnd("R");
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  for (it->Seek("R"); it->Valid(); it->Next()) {
    Reader key(ToView(it->key()).substr(1));
    Reader value(ToView(it->value()));
    const uint32_t city = key.City();
    receipted_[city] = value.Number();
    if (!key.ok() || !value.ok()) return Damaged("a receipted size is cut");
  }
  return Check(it->status());
}

absl::Status RocksJournal::Refill(const ledger::GroupCommit& commit) {
  base::MutexLock writer(writer_mutex_);
  RETURN_IF_ERROR(CheckWritable(0));
  const uint64_t size = own_log_->Head().size();
  if (commit.bundles.empty() || commit.bundles[0].first_sequence != size) {
    return base::AbortedError(
        "journal {}: the own log has {} entries; what came back does not "
        "continue it",
        directory_, size);
  }
  Draft draft;
  draft.comes_back = true;
  draft.last_ordinal = last_ordinal();
  draft.receipted = receipted_;
  ledger::Bundle bundle;
  v1::EntryHeader header;
  v1::EntryBody body;
  for (const ledger::GroupCommit::EncodedBundle& one : commit.bundles) {
    RETURN_IF_ERROR(bundle.Decode(one.bytes));
    for (size_t i = 0; i < bundle.count(); ++i) {
      if (!header.ParseFromString(std::string(bundle.header(i))) ||
          !body.ParseFromString(std::string(*bundle.body(i)))) {
        return base::DataLossError("the own log: an entry is no message");
      }
      RETURN_IF_ERROR(TakeBack(header, body, &draft));
    }
  }
  for (const auto& [city, covered] : draft.receipted) {
    std::string value;
    base::AppendBigEndian<kNumberBytes>(covered, &value);
    draft.writes.Put(CityKey('R', city), value);
  }
  draft.own = own_log_->Stage(commit, &draft.writes);
  RETURN_IF_ERROR(Commit(&draft));
  receipted_ = std::move(draft.receipted);
  return absl::OkStatus();
}

absl::Status RocksJournal::TakeBack(const v1::EntryHeader& header,
                                    const v1::EntryBody& body,
                                    Draft* draft) const {
  const auto is = [&](v1::ProvinceRecordType type) {
    return static_cast<int>(header.type()) == static_cast<int>(type);
  };
  const auto unreadable = [&] {
    return base::DataLossError("the own log: entry {} is no message",
                               header.sequence());
  };
  if (is(v1::PROVINCE_RECORD_TYPE_GROUP_RECEIPT)) {
    v1::GroupReceipt receipt;
    if (!receipt.ParseFromString(body.record())) return unreadable();
    return TakeBackReceipt(receipt, draft);
  }
  if (is(v1::PROVINCE_RECORD_TYPE_CITY_ACT)) {
    v1::CityAct act;
    if (!act.ParseFromString(body.record())) return unreadable();
    return TakeBackAct(act, draft);
  }
  return absl::OkStatus();
}

// The group is gone, its ordinal is not given away again.
absl::Status RocksJournal::TakeBackReceipt(const v1::GroupReceipt& receipt,
                                           Draft* draft) const {
  const uint64_t last = draft->last_ordinal;
  // The first receipt of a journal may stand for many groups.
  if (receipt.ordinal() <= last ||
      (last > 0 && receipt.ordinal() != last + 1)) {
    return base::DataLossError(
        "the own log: a receipt of group {} came back behind group {}",
        receipt.ordinal(), last);
  }
  JournalGroup empty;
  for (empty.ordinal = last + 1; empty.ordinal <= receipt.ordinal();
       ++empty.ordinal) {
    draft->writes.Put(GroupKey(empty.ordinal, kGroupEnd),
                      EncodeGroupEnd(empty));
  }
  draft->last_ordinal = receipt.ordinal();
  for (const v1::CityRange& range : receipt.ranges()) {
    if (range.city() > kCityMax) {
      return base::DataLossError("the own log: {} is no city", range.city());
    }
    uint64_t& covered = draft->receipted[range.city()];
    covered = std::max<uint64_t>(covered, range.to());
  }
  return absl::OkStatus();
}

// What it changed in the journal, besides the entry.
absl::Status RocksJournal::TakeBackAct(const v1::CityAct& act,
                                       Draft* draft) const {
  const auto position = [&]() -> CityCopy& {
    const auto [at, added] = draft->positions.try_emplace(act.city());
    if (added) at->second = CopyOf(act.city());
    return at->second;
  };
  if (act.city() > kCityMax) {
    return base::DataLossError("the own log: {} is no city", act.city());
  }
  switch (act.kind()) {
    case v1::CITY_ACT_KIND_QUARANTINE:
      position().quarantine = act.reason();
      break;
    case v1::CITY_ACT_KIND_RELEASE:
      position().quarantine.clear();
      break;
    case v1::CITY_ACT_KIND_REVOKE:
      draft->writes.Put("V" + act.certificate(), act.reason());
      break;
    case v1::CITY_ACT_KIND_JOIN:
    case v1::CITY_ACT_KIND_REKEY: {
      const bool rekey = act.kind() == v1::CITY_ACT_KIND_REKEY;
      if (rekey ? act.keys_size() < 3 : act.keys_size() != 2) {
        return base::DataLossError("the own log: {:06} joined without keys",
                                   act.city());
      }
      v1::JoinedCity joined;
      joined.set_city(act.city());
      joined.set_log_key(act.keys(0));
      joined.set_witness_key(act.keys(1));
      joined.mutable_replacements()->Add(act.keys().begin() + 2,
                                         act.keys().end());
      joined.set_certificates_from_us(act.certificates_from_us());
      draft->writes.Put(CityKey('N', act.city()), joined.SerializeAsString());
      break;
    }
    default:
      break;  // an invitation's secret is in no entry
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> RocksJournal::AddToGroup(std::string_view key,
                                              std::string_view value,
                                              JournalGroup* group) const {
  if (key == GroupKey(group->ordinal, kGroupEnd)) {
    const absl::Status status = DecodeGroupEnd(value, group);
    if (!status.ok()) return Damaged(status);
    return true;
  }
  const auto sub = static_cast<uint32_t>(group->bundles.size());
  if (key != GroupKey(group->ordinal, sub)) {
    return Damaged(fmt::format("group {} is not whole", group->ordinal));
  }
  auto bundle = DecodeBundle(value);
  if (!bundle.ok()) return Damaged(bundle.status());
  group->bundles.push_back(*std::move(bundle));
  return false;
}

absl::Status RocksJournal::ReadGroups(
    uint64_t from, const std::function<bool(JournalGroup&&)>& visit) const {
  const View view = Look(0);
  uint64_t next = std::max<uint64_t>(from, 1);
  if (next > view.last_ordinal) return absl::OkStatus();
  const std::string end = GroupKey(view.last_ordinal + 1, 0);
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options = view.Options();
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  JournalGroup group;
  group.ordinal = next;
  for (it->Seek(GroupKey(next, 0)); it->Valid(); it->Next()) {
    ASSIGN_OR_RETURN(const bool whole, AddToGroup(ToView(it->key()),
                                                  ToView(it->value()), &group));
    if (!whole) continue;
    if (!visit(std::move(group))) return absl::OkStatus();
    group = {};
    group.ordinal = ++next;
  }
  RETURN_IF_ERROR(Check(it->status()));
  if (next <= view.last_ordinal) {
    return Damaged(fmt::format("group {} is missing", next));
  }
  return absl::OkStatus();
}

absl::StatusOr<JournalBundle> RocksJournal::BundleOf(
    const View& view, uint32_t city, uint64_t first_sequence,
    std::string_view place) const {
  std::string value;
  const rocksdb::Status status =
      db_->Get(view.Options(), "J" + std::string(place), &value);
  if (status.IsNotFound()) {
    return Damaged(
        fmt::format("bundle {} of city {} is missing", first_sequence, city));
  }
  RETURN_IF_ERROR(Check(status));
  auto bundle = DecodeBundle(value);
  if (!bundle.ok()) return Damaged(bundle.status());
  if (bundle->city != city || bundle->first_sequence != first_sequence) {
    return Damaged(
        fmt::format("the index of city {} names another bundle at {}", city,
                    first_sequence));
  }
  return bundle;
}

absl::Status RocksJournal::ReadBundles(
    const View& view, uint32_t city, uint64_t sequence,
    const std::function<bool(JournalBundle&&)>& visit) const {
  if (sequence >= view.size) return absl::OkStatus();
  const std::string begin = CityKey('I', city);
  const std::string end = CityKey('I', city, view.size);
  const rocksdb::Slice lower(begin);
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options = view.Options();
  options.iterate_lower_bound = &lower;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  it->SeekForPrev(CityKey('I', city, sequence));
  uint64_t next = it->Valid() ? NumberOf(it->key()) : sequence;
  for (; it->Valid() && NumberOf(it->key()) == next; it->Next()) {
    ASSIGN_OR_RETURN(JournalBundle bundle,
                     BundleOf(view, city, next, ToView(it->value())));
    next += bundle.count;
    if (next <= sequence) break;
    if (!visit(std::move(bundle))) return absl::OkStatus();
  }
  RETURN_IF_ERROR(Check(it->status()));
  if (next != view.size) {
    return Damaged(fmt::format("entry {} of city {} is missing", next, city));
  }
  return absl::OkStatus();
}

absl::StatusOr<CompactRange> RocksJournal::NearestRange(const View& view,
                                                        uint32_t city,
                                                        uint64_t size) const {
  const std::string begin = CityKey('K', city);
  const rocksdb::Slice lower(begin);
  rocksdb::ReadOptions options = view.Options();
  options.iterate_lower_bound = &lower;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  it->SeekForPrev(CityKey('K', city, size));
  RETURN_IF_ERROR(Check(it->status()));
  if (!it->Valid()) return CompactRange();
  auto kept = DecodeKept(city, NumberOf(it->key()), ToView(it->value()));
  if (!kept.ok()) return Damaged(kept.status());
  return std::move(kept->range);
}

// Every answer to a query names the roots that it rests on.
absl::StatusOr<Hash> RocksJournal::RootAt(uint32_t city, uint64_t size) const {
  {
    base::MutexLock lock(roots_mutex_);
    for (const KnownRoot& known : roots_[city]) {
      if (known.size == size) return known.root;
    }
  }
  ASSIGN_OR_RETURN(const Hash root, ComputeRoot(city, size));
  base::MutexLock lock(roots_mutex_);
  std::deque<KnownRoot>& known = roots_[city];
  known.push_front({size, root});
  if (known.size() > kKnownRootsMax) known.pop_back();
  return root;
}

absl::StatusOr<Hash> RocksJournal::ComputeRoot(uint32_t city,
                                               uint64_t size) const {
  const View view = Look(city);
  if (size > view.size) {
    return base::OutOfRangeError(
        "journal {}: city {} has fewer than {} entries", directory_, city,
        size);
  }
  ASSIGN_OR_RETURN(CompactRange range, NearestRange(view, city, size));
  if (range.size() == size) return range.Root();
  absl::Status status;
  ledger::Bundle bundle;
  const auto append = [&](JournalBundle&& stored) {
    status = bundle.Decode(stored.bytes);
    if (!status.ok()) return false;
    while (range.size() < size &&
           range.size() < stored.first_sequence + stored.count) {
      range.Append(bundle.leaf_hash(range.size() - stored.first_sequence));
    }
    return range.size() < size;
  };
  RETURN_IF_ERROR(ReadBundles(view, city, range.size(), append));
  if (!status.ok()) return Damaged(status);
  return range.Root();
}

absl::StatusOr<std::vector<JournalCheckpoint>> RocksJournal::Checkpoints(
    uint32_t city, uint64_t from, uint64_t to) const {
  const View view = Look(city);
  std::vector<JournalCheckpoint> found;
  to = std::min(to, view.size);
  if (from >= to) return found;
  const std::string end = CityKey('K', city, to) + '\0';
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options = view.Options();
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  for (it->Seek(CityKey('K', city, from + 1)); it->Valid(); it->Next()) {
    auto kept = DecodeKept(city, NumberOf(it->key()), ToView(it->value()));
    if (!kept.ok()) return Damaged(kept.status());
    found.push_back(std::move(kept->checkpoint));
  }
  RETURN_IF_ERROR(Check(it->status()));
  return found;
}

absl::Status RocksJournal::PutIncarnation(uint32_t city, uint64_t counter,
                                          uint64_t nonce) {
  base::MutexLock writer(writer_mutex_);
  RETURN_IF_ERROR(CheckWritable(city));
  CityCopy copy = CopyOf(city);
  if (counter < copy.incarnation_counter) {
    return base::AbortedError(
        "journal: city {}: incarnation {} came after {}; start a new one", city,
        counter, copy.incarnation_counter);
  }
  copy.incarnation_counter = counter;
  copy.incarnation_nonce = nonce;
  Draft draft;
  draft.positions[city] = std::move(copy);
  return Commit(&draft);
}

absl::StatusOr<uint64_t> RocksJournal::FreeEvidenceTime(uint32_t city) const {
  uint64_t time = db_->GetEnv()->NowMicros();
  std::string value;
  for (;; ++time) {
    const rocksdb::Status status =
        db_->Get(rocksdb::ReadOptions(), CityKey('F', city, time), &value);
    if (status.IsNotFound()) return time;
    RETURN_IF_ERROR(Check(status));
  }
}

absl::Status RocksJournal::Quarantine(uint32_t city, std::string_view reason,
                                      const exchange::ForkEvidence& evidence) {
  base::MutexLock writer(writer_mutex_);
  RETURN_IF_ERROR(CheckWritable(city));
  ASSIGN_OR_RETURN(const uint64_t time, FreeEvidenceTime(city));
  CityCopy copy = CopyOf(city);
  copy.quarantine = reason;
  std::string proof;
  AppendText(evidence.known_note, &proof);
  AppendText(evidence.offered_note, &proof);
  AppendText(evidence.explanation, &proof);
  Draft draft;
  draft.writes.Put(CityKey('F', city, time), proof);
  draft.positions[city] = std::move(copy);
  v1::CityAct act = MakeAct(v1::CITY_ACT_KIND_QUARANTINE, city, "", reason);
  act.add_evidence(evidence.known_note);
  act.add_evidence(evidence.offered_note);
  return CommitAct(act, &draft);
}

absl::Status RocksJournal::Release(uint32_t city, std::string_view who,
                                   std::string_view reason) {
  base::MutexLock writer(writer_mutex_);
  RETURN_IF_ERROR(CheckWritable(city));
  CityCopy copy = CopyOf(city);
  if (copy.quarantine.empty()) {
    return base::FailedPreconditionError("{:06} is not quarantined", city);
  }
  copy.quarantine.clear();
  Draft draft;
  draft.positions[city] = std::move(copy);
  return CommitAct(MakeAct(v1::CITY_ACT_KIND_RELEASE, city, who, reason),
                   &draft);
}

absl::Status RocksJournal::Revoke(const Hash& certificate, uint32_t city,
                                  std::string_view who,
                                  std::string_view reason) {
  base::MutexLock writer(writer_mutex_);
  RETURN_IF_ERROR(CheckWritable(city));
  const std::string key = "V" + std::string(certificate.view());
  std::string known;
  const rocksdb::Status found = db_->Get(rocksdb::ReadOptions(), key, &known);
  if (found.ok()) return absl::OkStatus();
  if (!found.IsNotFound()) return Check(found);
  v1::CityAct act = MakeAct(v1::CITY_ACT_KIND_REVOKE, city, who, reason);
  act.set_certificate(std::string(certificate.view()));
  Draft draft;
  draft.writes.Put(key, ToSlice(reason));
  return CommitAct(act, &draft);
}

absl::StatusOr<std::vector<Hash>> RocksJournal::Revoked() const {
  std::vector<Hash> revoked;
  const std::string end = ledger::PrefixEnd("V");
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  for (it->Seek("V"); it->Valid(); it->Next()) {
    if (it->key().size() != 1 + kHashBytes) {
      return Damaged("a revoked certificate has no hash");
    }
    revoked.push_back(Hash::FromView(ToView(it->key()).substr(1)));
  }
  RETURN_IF_ERROR(Check(it->status()));
  return revoked;
}

absl::Status RocksJournal::Invite(const Hash& secret,
                                  const v1::Invitation& invitation,
                                  std::string_view who,
                                  std::string_view reason) {
  base::MutexLock writer(writer_mutex_);
  RETURN_IF_ERROR(CheckWritable(invitation.city()));
  Draft draft;
  draft.writes.Put("T" + std::string(secret.view()),
                   invitation.SerializeAsString());
  return CommitAct(MakeAct(invitation.rekey() ? v1::CITY_ACT_KIND_INVITE_REKEY
                                              : v1::CITY_ACT_KIND_INVITE,
                           invitation.city(), who, reason),
                   &draft);
}

absl::StatusOr<std::optional<v1::Invitation>> RocksJournal::FindInvitation(
    const Hash& secret) const {
  std::string bytes;
  const rocksdb::Status status = db_->Get(
      rocksdb::ReadOptions(), "T" + std::string(secret.view()), &bytes);
  if (status.IsNotFound()) return std::optional<v1::Invitation>();
  RETURN_IF_ERROR(Check(status));
  v1::Invitation invitation;
  if (!invitation.ParseFromString(bytes)) {
    return Damaged("an invitation cannot be read");
  }
  return std::optional<v1::Invitation>(std::move(invitation));
}

absl::Status RocksJournal::Join(const Hash& secret,
                                const v1::JoinedCity& city) {
  base::MutexLock writer(writer_mutex_);
  RETURN_IF_ERROR(CheckWritable(city.city()));
  ASSIGN_OR_RETURN(const auto invitation, FindInvitation(secret));
  if (!invitation.has_value() || invitation->city() != city.city()) {
    return base::PermissionDeniedError("the token was used up just now");
  }
  v1::CityAct act =
      MakeAct(city.replacements().empty() ? v1::CITY_ACT_KIND_JOIN
                                          : v1::CITY_ACT_KIND_REKEY,
              city.city(), "", "");
  act.add_keys(city.log_key());
  act.add_keys(city.witness_key());
  act.mutable_keys()->Add(city.replacements().begin(),
                          city.replacements().end());
  act.set_certificates_from_us(city.certificates_from_us());
  Draft draft;
  draft.writes.Delete("T" + std::string(secret.view()));
  draft.writes.Put(CityKey('N', city.city()), city.SerializeAsString());
  return CommitAct(act, &draft);
}

absl::StatusOr<std::vector<v1::JoinedCity>> RocksJournal::JoinedCities() const {
  std::vector<v1::JoinedCity> cities;
  const std::string end = ledger::PrefixEnd("N");
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  for (it->Seek("N"); it->Valid(); it->Next()) {
    if (!cities.emplace_back().ParseFromString(it->value().ToString())) {
      return Damaged("the keys of a city cannot be read");
    }
  }
  RETURN_IF_ERROR(Check(it->status()));
  return cities;
}

absl::StatusOr<std::vector<ledger::KeyChange>> RocksJournal::KeyChanges(
    uint32_t city) const {
  std::vector<ledger::KeyChange> changes;
  const std::string begin = CityKey('C', city);
  const std::string end = ledger::PrefixEnd(begin);
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  for (it->Seek(begin); it->Valid(); it->Next()) {
    changes.push_back({NumberOf(it->key()), it->value().ToString()});
  }
  RETURN_IF_ERROR(Check(it->status()));
  return changes;
}

absl::Status RocksJournal::CommitAct(const v1::CityAct& act, Draft* draft) {
  AddEntries({CityActEntry(act)}, draft);
  return Commit(draft);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(
    const JournalOptions& options) {
  ASSIGN_OR_RETURN(
      ledger::OpenedDatabase opened,
      ledger::OpenDatabase(
          ledger::DatabaseOptions(/*large_values=*/true,
                                  options.block_cache_bytes),
          {options.directory, options.file_system, options.read_only},
          kJournalFormat));
  auto journal = std::make_unique<RocksJournal>(std::move(opened.env),
                                                std::move(opened.db), options);
  RETURN_IF_ERROR(journal->Load());
  return journal;
}

}  // namespace tongchou::aggregator
