#include "node/restore.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/exchange/key_changes.h"
#include "common/ledger/head_signer.h"
#include "node/commit_clock.h"
#include "node/local_facts.h"
#include "node/log_key.h"
#include "node/log_receiver.h"
#include "node/record_index.h"
#include "node/record_reader.h"
#include "node/sequencer.h"

namespace tongchou::node {
namespace {

using Progress = std::function<void(const RestoreProgress&)>;

// Of RocksDB's files those that are never written again.
constexpr std::string_view kImmutableSuffix = ".sst";

absl::StatusOr<v1::ReadBackResponse> First(const NodeConfig& config,
                                           const ReadBackSource& source) {
  v1::ReadBackResponse piece;
  ASSIGN_OR_RETURN(const bool any, source(&piece));
  if (any && piece.size() > 0) return piece;
  return base::NotFoundError("the province holds nothing of {}",
                             config.Origin());
}

absl::StatusOr<ledger::LogKeys> KeysIn(const NodeConfig& config,
                                       const v1::ReadBackResponse& first) {
  return KeysOfCopy(config, exchange::ReadKeyChanges(first.key_changes()));
}

// Whether the head with which the province ends is one of this log.
absl::StatusOr<bool> HasHead(const ledger::LogStore& log,
                             const v1::ReadBackResponse& first,
                             const ledger::LogKeys& keys) {
  if (first.checkpoints().empty()) return false;
  ASSIGN_OR_RETURN(const ledger::Checkpoint head,
                   keys.Open(first.checkpoints(0)));
  if (head.size != first.size() || head.size > log.Head().size()) return false;
  ASSIGN_OR_RETURN(const ledger::Hash root, log.RootAt(head.size));
  return root == head.root;
}

// Starts that an old copy knows nothing of, though it has all entries.
absl::Status RaiseIncarnation(ledger::LogStore* log, uint64_t seen) {
  ASSIGN_OR_RETURN(const uint64_t known,
                   ReadNumberFact(*log, kIncarnationFact));
  if (known >= seen) return absl::OkStatus();
  return log->PutLocalFact(kIncarnationFact, NumberFact(seen));
}

absl::StatusOr<PendingChange> ChangeOf(const StoredEntry& entry,
                                       records::Row* scratch) {
  PendingChange change;
  change.type = static_cast<uint32_t>(entry.header.type());
  change.is_delete = entry.header.operation() == v1::OPERATION_DELETE;
  change.key = entry.body.key();
  change.record = entry.body.record();
  change.fingerprint = Fingerprint(change.record);
  if (!change.is_delete) {
    ASSIGN_OR_RETURN(change.division,
                     DivisionOf(change.type, change.record, scratch));
  }
  change.receipt = entry.header.receipt();
  change.line = entry.header.line();
  return change;
}

class Restoration {
 public:
  explicit Restoration(const NodeConfig& config)
      : config_(config),
        log_path_(config.data + "/log"),
        aside_(log_path_ + ".replaced"),
        state_path_(config.data + "/state"),
        new_log_path_(config.data + "/log.restored"),
        new_state_path_(config.data + "/state.restored") {}

  absl::StatusOr<RestoreSummary> Run(const ReadBackOpener& open,
                                     const Progress& progress);
  absl::Status EndReplace();

 private:
  absl::Status OpenOldLog();
  absl::Status Pull(const ReadBackOpener& open, const Progress& progress);
  absl::Status PullAll(const ReadBackOpener& open, const Progress& progress);
  absl::Status PullEnd(const ReadBackSource& source,
                       const v1::ReadBackResponse& first,
                       const Progress& progress);
  absl::Status PullInto(const ReadBackSource& source,
                        const v1::ReadBackResponse& first,
                        const Progress& progress);
  absl::StatusOr<uint64_t> FirstDifference() const;
  absl::Status CheckSigned(const std::string& note, uint64_t common) const;
  absl::Status CheckEverySigned();
  absl::Status KeepFacts();
  absl::Status AddAgain();
  absl::Status KeepAside();
  absl::Status Replace();

  const NodeConfig& config_;
  const std::string log_path_;
  const std::string aside_;  // where the old log waits for the new one
  const std::string state_path_;
  const std::string new_log_path_;
  const std::string new_state_path_;
  std::unique_ptr<ledger::LogStore> old_log_;
  std::unique_ptr<ledger::LogStore> log_;
  std::string head_note_;  // of the province's copy
  uint64_t incarnations_ = 0;
  uint64_t last_receipt_ = 0;
  uint64_t common_ = 0;    // entries that both logs begin with
  bool end_only_ = false;  // the state stays
  std::chrono::steady_clock::time_point start_;
  RestoreSummary summary_;
};

// A damaged one is as good as lost, and is kept. One that only cannot be read
// now may have what nobody else has.
absl::Status Restoration::OpenOldLog() {
  RETURN_IF_ERROR(EndReplace());
  if (!base::FileExists(log_path_)) return absl::OkStatus();
  ledger::LogStoreOptions options;
  options.directory = log_path_;
  options.disk_reserve_bytes = 0;
  RETURN_IF_ERROR(base::CheckStoreFormat(log_path_, ledger::kLogFormat));
  auto log = ledger::LogStore::Open(options);
  if (absl::IsFailedPrecondition(log.status())) {
    return base::Annotate(log.status(), "stop the node first");
  }
  if (log.ok()) {
    old_log_ = *std::move(log);
    return absl::OkStatus();
  }
  if (absl::IsDataLoss(log.status())) return absl::OkStatus();
  return base::Annotate(log.status(),
                        "the old log cannot be read; try again, or move it "
                        "away if its disk is broken");
}

// The old log's files under another name and the missing end behind them; what
// was derived from them stays.
absl::Status Restoration::PullEnd(const ReadBackSource& source,
                                  const v1::ReadBackResponse& first,
                                  const Progress& progress) {
  RETURN_IF_ERROR(RecordIndex::Open({state_path_, false}, *old_log_).status());
  old_log_.reset();
  RETURN_IF_ERROR(base::RemoveAll(new_log_path_));
  RETURN_IF_ERROR(
      base::CopyDirectory(log_path_, new_log_path_, kImmutableSuffix));
  RETURN_IF_ERROR(OpenOldLog());
  if (old_log_ == nullptr) {
    return base::DataLossError("{} cannot be read any more", log_path_);
  }
  RETURN_IF_ERROR(PullInto(source, first, progress));
  end_only_ = true;
  return log_->RemoveLocalFact(kImportFact);
}

absl::Status Restoration::PullAll(const ReadBackOpener& open,
                                  const Progress& progress) {
  ASSIGN_OR_RETURN(const ReadBackSource source, open(0));
  ASSIGN_OR_RETURN(const v1::ReadBackResponse first, First(config_, source));
  log_.reset();
  RETURN_IF_ERROR(base::MakeEmptyDirectory(new_log_path_));
  return PullInto(source, first, progress);
}

absl::Status Restoration::PullInto(const ReadBackSource& source,
                                   const v1::ReadBackResponse& first,
                                   const Progress& progress) {
  start_ = std::chrono::steady_clock::now();
  ledger::LogStoreOptions options;
  options.directory = new_log_path_;
  ASSIGN_OR_RETURN(log_, ledger::LogStore::Open(options));
  const uint64_t kept = log_->Head().size();
  ASSIGN_OR_RETURN(ledger::LogKeys keys, KeysIn(config_, first));
  LogReceiver receiver(log_.get(), std::move(keys));
  summary_.entries = first.size();
  incarnations_ = first.incarnation_counter();
  v1::ReadBackResponse piece;
  while (true) {
    progress({receiver.received(), summary_.entries});
    ASSIGN_OR_RETURN(const bool more, source(&piece));
    if (!more) break;
    RETURN_IF_ERROR(receiver.Take(piece));
  }
  RETURN_IF_ERROR(receiver.Finish(summary_.entries));
  summary_.fetched = summary_.entries - kept;
  last_receipt_ = receiver.last_receipt();
  ASSIGN_OR_RETURN(const auto note, log_->CheckpointAtOrBefore(UINT64_MAX));
  head_note_ = note.value_or("");
  return absl::OkStatus();
}

// Only its end when the old log is the beginning of what the province holds.
absl::Status Restoration::Pull(const ReadBackOpener& open,
                               const Progress& progress) {
  const uint64_t size = old_log_ == nullptr ? 0 : old_log_->Head().size();
  if (size == 0) return PullAll(open, progress);
  ASSIGN_OR_RETURN(const ReadBackSource source, open(size));
  ASSIGN_OR_RETURN(const v1::ReadBackResponse first, First(config_, source));
  if (first.size() <= size) {
    ASSIGN_OR_RETURN(const ledger::LogKeys keys, KeysIn(config_, first));
    ASSIGN_OR_RETURN(summary_.nothing_to_do, HasHead(*old_log_, first, keys));
    summary_.entries = first.size();
    if (summary_.nothing_to_do) {
      return RaiseIncarnation(old_log_.get(), first.incarnation_counter());
    }
  } else {
    const absl::Status status = PullEnd(source, first, progress);
    if (!absl::IsDataLoss(status) && !absl::IsOutOfRange(status)) return status;
  }
  return PullAll(open, progress);
}

// Roots agree up to where the logs part, and never behind.
absl::StatusOr<uint64_t> Restoration::FirstDifference() const {
  uint64_t same = 0;
  uint64_t end = std::min(old_log_->Head().size(), log_->Head().size());
  while (same < end) {
    const uint64_t middle = same + (end - same + 1) / 2;
    ASSIGN_OR_RETURN(const ledger::Hash a, old_log_->RootAt(middle));
    ASSIGN_OR_RETURN(const ledger::Hash b, log_->RootAt(middle));
    if (a == b) {
      same = middle;
    } else {
      end = middle - 1;
    }
  }
  return same;
}

// A head that this node signed must be one of the log that comes back.
absl::Status Restoration::CheckSigned(const std::string& note,
                                      uint64_t common) const {
  if (note.empty()) return absl::OkStatus();
  // It was believed when it was kept.
  ASSIGN_OR_RETURN(const ledger::Checkpoint head, ledger::ReadCheckpoint(note));
  if (head.size <= common) return absl::OkStatus();
  if (head.size > summary_.entries) {
    return base::FailedPreconditionError(
        "this node signed {} entries, the province holds {}: the {} between "
        "are in neither; call the province, nothing was changed",
        head.size, summary_.entries, head.size - summary_.entries);
  }
  ASSIGN_OR_RETURN(const ledger::Hash root, log_->RootAt(head.size));
  if (root == head.root) return absl::OkStatus();
  return base::FailedPreconditionError(
      "a fork: this node signed another root at size {} than the province's "
      "copy has; call the province, nothing was changed",
      head.size);
}

absl::Status Restoration::CheckEverySigned() {
  if (old_log_ != nullptr) {
    ASSIGN_OR_RETURN(common_, FirstDifference());
    ASSIGN_OR_RETURN(const auto note,
                     old_log_->CheckpointAtOrBefore(UINT64_MAX));
    RETURN_IF_ERROR(CheckSigned(note.value_or(""), common_));
  }
  ASSIGN_OR_RETURN(
      const std::string note,
      ledger::HeadSigner::GuardedNote(config_.sign_guard, config_.Origin()));
  return CheckSigned(note, 0);
}

absl::Status Restoration::KeepFacts() {
  if (old_log_ != nullptr) {
    ASSIGN_OR_RETURN(const auto secret,
                     old_log_->GetLocalFact(kActorSecretFact));
    if (secret.has_value()) {
      RETURN_IF_ERROR(log_->PutLocalFact(kActorSecretFact, *secret));
    }
    for (const auto& [name, number] :
         {std::pair(kIncarnationFact, &incarnations_),
          std::pair(kReceiptsFact, &last_receipt_)}) {
      ASSIGN_OR_RETURN(const uint64_t old, ReadNumberFact(*old_log_, name));
      *number = std::max(*number, old);
    }
  }
  RETURN_IF_ERROR(
      log_->PutLocalFact(kIncarnationFact, NumberFact(incarnations_)));
  return log_->PutLocalFact(kReceiptsFact, NumberFact(last_receipt_));
}

// Whole transactions, with the ids that clients gave them.
absl::Status Restoration::AddAgain() {
  if (end_only_) return absl::OkStatus();
  RETURN_IF_ERROR(base::RemoveAll(new_state_path_));
  ASSIGN_OR_RETURN(const auto index,
                   RecordIndex::Open({new_state_path_, true}, *log_));
  const uint64_t end = old_log_ == nullptr ? 0 : old_log_->Head().size();
  if (common_ < end) {
    base::RealClock real_clock;
    const CommitClock clock(&real_clock, config_.clock_day);
    SequencerOptions options;
    options.synthetic_seed = config_.synthetic_seed;
    options.read_only_reason = [] { return std::string(); };
    options.committed = [](uint64_t) {};
    const auto sequencer =
        Sequencer::Start(std::move(options), log_.get(), index.get(), &clock);
    RecordReader reader(old_log_.get(), config_.city);
    records::Row scratch;
    WriteGroup group;
    for (uint64_t i = common_; i < end; ++i) {
      ASSIGN_OR_RETURN(const StoredEntry entry, reader.ReadEntry(i));
      ASSIGN_OR_RETURN(group.changes.emplace_back(), ChangeOf(entry, &scratch));
      if (!entry.header.last_of_transaction()) continue;
      group.one_transaction = true;
      group.reason = entry.header.reason();
      group.actor = entry.header.actor();
      group.transaction_id = entry.body.transaction_id();
      group.staff = entry.body.staff();
      group.reason_text = entry.body.reason_text();
      group.document_number = entry.body.document_number();
      RETURN_IF_ERROR(sequencer->Commit(std::exchange(group, {})).status());
    }
    summary_.added_again = end - common_;
  }
  return index->Flush();
}

// What a crash had left: with the new log in its place all of it was done, but
// for the old one's name; else the old one goes back.
absl::Status Restoration::EndReplace() {
  if (!base::FileExists(aside_)) return absl::OkStatus();
  if (base::FileExists(log_path_)) return KeepAside();
  RETURN_IF_ERROR(base::Rename(aside_, log_path_));
  return base::SyncDirectory(config_.data);
}

absl::Status Restoration::KeepAside() {
  summary_.old_log =
      fmt::format("{}.old-{}", log_path_,
                  std::chrono::duration_cast<std::chrono::seconds>(
                      std::chrono::system_clock::now().time_since_epoch())
                      .count());
  RETURN_IF_ERROR(base::Rename(aside_, summary_.old_log));
  return base::SyncDirectory(config_.data);
}

absl::Status Restoration::Replace() {
  const bool had_log = base::FileExists(log_path_);
  const bool kept =
      summary_.added_again > 0 || (had_log && old_log_ == nullptr);
  old_log_.reset();
  log_.reset();
  if (!end_only_) RETURN_IF_ERROR(base::RemoveAll(state_path_));
  if (had_log) RETURN_IF_ERROR(base::Rename(log_path_, aside_));
  RETURN_IF_ERROR(base::Rename(new_log_path_, log_path_));
  if (!end_only_) RETURN_IF_ERROR(base::Rename(new_state_path_, state_path_));
  RETURN_IF_ERROR(base::SyncDirectory(config_.data));
  RETURN_IF_ERROR(ledger::HeadSigner::RestoreGuard(
      config_.sign_guard, config_.Origin(), summary_.entries,
      std::move(head_note_)));
  return kept ? KeepAside() : base::RemoveAll(aside_);
}

absl::StatusOr<RestoreSummary> Restoration::Run(const ReadBackOpener& open,
                                                const Progress& progress) {
  RETURN_IF_ERROR(base::MakeDirectories(config_.data));
  RETURN_IF_ERROR(OpenOldLog());
  RETURN_IF_ERROR(Pull(open, progress));
  if (summary_.nothing_to_do) {
    log_.reset();
    RETURN_IF_ERROR(base::RemoveAll(new_log_path_));
    return summary_;
  }
  RETURN_IF_ERROR(CheckEverySigned());
  RETURN_IF_ERROR(KeepFacts());
  RETURN_IF_ERROR(AddAgain());
  RETURN_IF_ERROR(Replace());
  summary_.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_)
          .count();
  return summary_;
}

}  // namespace

absl::StatusOr<bool> NeedsRestore(const NodeConfig& config,
                                  const ledger::LogStore& log,
                                  const ReadBackOpener& open,
                                  bool refused_as_twin) {
  const uint64_t size = log.Head().size();
  ASSIGN_OR_RETURN(const ReadBackSource source, open(size));
  v1::ReadBackResponse first;
  ASSIGN_OR_RETURN(const bool any, source(&first));
  if (!any || first.size() == 0) return false;
  if (first.size() > size) return true;
  ASSIGN_OR_RETURN(const ledger::LogKeys keys, KeysIn(config, first));
  ASSIGN_OR_RETURN(const bool has, HasHead(log, first, keys));
  ASSIGN_OR_RETURN(const uint64_t starts,
                   ReadNumberFact(log, kIncarnationFact));
  const uint64_t seen = first.incarnation_counter();
  return !has || starts < seen || (refused_as_twin && starts == seen);
}

absl::Status EndReplacement(const NodeConfig& config) {
  return Restoration(config).EndReplace();
}

absl::StatusOr<RestoreSummary> Restore(
    const NodeConfig& config, const ReadBackOpener& open,
    const std::function<void(const RestoreProgress&)>& progress) {
  return Restoration(config).Run(open, progress);
}

}  // namespace tongchou::node
