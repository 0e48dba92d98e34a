#include "audit/log_check.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audit/log_keys.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/exchange/key_changes.h"
#include "common/ledger/bundle.h"
#include "common/ledger/compact_range.h"
#include "common/ledger/cosignature.h"
#include "common/ledger/entry_view.h"
#include "common/ledger/log_keys.h"
#include "tongchou/v1/records.pb.h"

namespace tongchou::audit {
namespace {

struct Head {
  base::Hash root;
  std::optional<uint64_t> cosigned;  // first seconds at which it was seen
  std::string not_cosigned;          // why, as long as nobody did
  std::map<std::string, uint64_t> witnessed;  // seconds by witness
};

// Everything known about one log while its copy streams by.
class Check {
 public:
  Check(const Policy& policy, const LogPolicy& log, CopiedKeys copied,
        const LogCheckOptions& options, Findings* findings)
      : policy_(policy),
        city_(log),
        keys_(std::move(copied.keys)),
        name_(LogName(log.city)),
        is_own_(log.city == kProvinceLog),
        owner_(is_own_ ? "the province" : "the city"),
        quorum_(is_own_ ? policy.quorum : policy.city_quorum),
        options_(options),
        findings_(*findings) {
    if (!copied.problem.empty()) {
      findings_.Add(name_ + " keys", std::move(copied.problem));
    }
  }

  // Goes on behind what was proved. DATA_LOSS when that is nonsense.
  absl::Status Resume(VerifiedPart* part);
  void TakeCheckpoint(std::string_view note);
  // False when nothing behind this bundle can be judged.
  bool TakeBundle(std::string_view bytes);
  void Finish();
  LogOutcome outcome() && { return std::move(outcome_); }
  bool stopped() const { return stopped_; }
  // Up to where the files are read.
  uint64_t bundle_bytes() const { return bundle_bytes_; }
  uint64_t checkpoint_bytes() const { return checkpoint_bytes_; }
  void set_checkpoint_bytes(uint64_t bytes) { checkpoint_bytes_ = bytes; }
  // FAILED_PRECONDITION: what was proved before has to be looked at again.
  absl::Status CanGoOn() const;

 private:
  bool TakeEntry(size_t index);
  bool CheckHeader(const v1::EntryHeader& header);
  void CheckKeyChange(std::optional<std::string_view> body);
  void CheckPrevious(const v1::EntryHeader& header, std::string_view key);
  bool CompareHead();
  void TakeCosignature(std::string_view note, const std::string& place,
                       uint64_t size, Head* head);
  void TakeWitnesses(std::string_view note, const std::string& place,
                     Head* head);
  void CheckNewestCosigned();
  void FindSigned();
  void CheckQuorum();
  v1::VerifiedLog Facts() const;
  void Keep();
  void CompareTimes(uint64_t cosigned_seconds);
  void KeepWanted(int64_t commit_time_us);

  std::string EntryPlace(uint64_t sequence) const {
    return fmt::format("{} entry {}", name_, sequence);
  }
  bool Stop(std::string place, std::string text) {
    findings_.Add(std::move(place), std::move(text));
    stopped_ = true;
    return false;
  }

  const Policy& policy_;
  const LogPolicy& city_;
  const ledger::LogKeys keys_;
  const std::string name_;
  const bool is_own_;
  const std::string_view owner_;
  const uint64_t quorum_;
  const LogCheckOptions& options_;
  Findings& findings_;

  uint64_t bundle_bytes_ = 0;
  uint64_t checkpoint_bytes_ = 0;
  uint64_t kept_size_ = 0;          // of the last note of what was proved
  uint64_t late_head_ = 0;          // size of a head within the resumed part
  uint64_t notes_ = 0;              // seen so far
  std::map<uint64_t, Head> heads_;  // signed by the city, by size
  uint64_t compared_size_ = 0;      // newest head that matched
  uint64_t timed_size_ = 0;         // newest head whose time was compared
  int64_t first_time_us_ = 0;       // of the entry behind it
  ledger::Bundle bundle_;
  ledger::CompactRange range_;
  v1::EntryHeader header_;
  v1::EntryBody body_;
  int64_t last_time_us_ = 0;
  bool transaction_open_ = false;
  bool stopped_ = false;
  LastChanges last_change_;
  LogOutcome outcome_;
};

void Check::TakeCheckpoint(std::string_view note) {
  ++notes_;
  const auto head = keys_.Open(note);
  if (!head.ok()) {
    findings_.Add(fmt::format("{} checkpoint {} of the copy", name_, notes_),
                  std::string(base::Message(head.status())));
    return;
  }
  const std::string place =
      fmt::format("{} checkpoint at size {}", name_, head->size);
  if (head->origin != city_.origin) {
    findings_.Add(place, "is of another log: " + head->origin);
    return;
  }
  if (head->size == 0 && head->root != ledger::EmptyRoot()) {
    findings_.Add(place, "does not name the root of an empty log");
  }
  const auto [at, added] = heads_.try_emplace(head->size, Head{head->root});
  Head& known = at->second;
  if (added && head->size > 0 && head->size <= outcome_.resumed_size) {
    late_head_ = head->size;
  }
  if (known.root != head->root) {
    findings_.Add(
        place, fmt::format("{} signed two different roots at this size ({} and "
                           "{})",
                           owner_, base::HexEncode(known.root.view()),
                           base::HexEncode(head->root.view())));
  }
  TakeWitnesses(note, place, &known);
  if (!is_own_) TakeCosignature(note, place, head->size, &known);
}

void Check::TakeCosignature(std::string_view note, const std::string& place,
                            uint64_t size, Head* head) {
  const auto cosigned = ledger::VerifyCosignature(note, policy_.witness);
  if (cosigned.ok()) {
    const uint64_t known = head->cosigned.value_or(UINT64_MAX);
    if (*cosigned >= known) return;
    head->cosigned = *cosigned;
    // The times in front of it were not held against this one.
    if (size <= outcome_.resumed_size) late_head_ = size;
    return;
  }
  std::string text = "the province's cosignature does not hold: " +
                     std::string(base::Message(cosigned.status()));
  // A later head that has one covers a head that the city alone signed.
  const auto parsed = ledger::ParseNote(note);
  const auto is_known = [&](const ledger::NoteSignature& one) {
    const auto has_name = [&](const ledger::VerifierKey& key) {
      return key.name == one.name;
    };
    return has_name(city_.key) ||
           std::any_of(policy_.witnesses.begin(), policy_.witnesses.end(),
                       has_name);
  };
  if (parsed.ok() && std::all_of(parsed->signatures.begin(),
                                 parsed->signatures.end(), is_known)) {
    head->not_cosigned = std::move(text);
  } else {
    findings_.Add(place, std::move(text));
  }
}

void Check::TakeWitnesses(std::string_view note, const std::string& place,
                          Head* head) {
  for (const ledger::VerifierKey& key : policy_.witnesses) {
    const auto seconds = ledger::VerifyCosignature(note, key);
    if (seconds.ok()) {
      head->witnessed.try_emplace(key.name, *seconds);
    } else if (absl::IsDataLoss(seconds.status())) {
      findings_.Add(place, "a witness's cosignature does not hold: " +
                               std::string(base::Message(seconds.status())));
    }
  }
}

void Check::CheckNewestCosigned() {
  if (is_own_ || heads_.empty()) return;
  const auto& [size, head] = *heads_.rbegin();
  if (head.cosigned.has_value()) return;
  findings_.Add(fmt::format("{} checkpoint at size {}", name_, size),
                head.not_cosigned);
}

bool Check::TakeBundle(std::string_view bytes) {
  if (stopped_) return false;
  const uint64_t size = range_.size();
  if (absl::Status status = bundle_.Decode(bytes); !status.ok()) {
    return Stop(fmt::format("{} bundle at entry {}", name_, size),
                std::string(base::Message(status)));
  }
  if (bundle_.first_sequence() != size) {
    return Stop(EntryPlace(size),
                fmt::format("is missing: the next bundle begins at entry {}",
                            bundle_.first_sequence()));
  }
  for (size_t i = 0; i < bundle_.count(); ++i) {
    if (!TakeEntry(i)) return false;
  }
  bundle_bytes_ += PieceBytes(bytes);
  if (options_.progress != nullptr) {
    options_.progress->Add(bundle_.count(), PieceBytes(bytes));
  }
  if (range_.size() - kept_size_ >=
      std::max<uint64_t>(options_.keep_entries_min, last_change_.size())) {
    Keep();
  }
  return true;
}

bool Check::TakeEntry(size_t index) {
  const uint64_t sequence = range_.size();
  const std::string_view header_bytes = bundle_.header(index);
  if (!header_.ParseFromArray(header_bytes.data(),
                              static_cast<int>(header_bytes.size()))) {
    return Stop(EntryPlace(sequence), "its header is no message");
  }
  if (!CheckHeader(header_)) return false;
  range_.Append(bundle_.leaf_hash(index));
  const std::optional<std::string_view> body = bundle_.body(index);
  CheckKeyChange(body);
  if (!body.has_value() && options_.bodies == Bodies::kRedacted) {
    ++outcome_.withheld;
  } else if (!body.has_value()) {
    findings_.Add(EntryPlace(sequence),
                  "its body is missing and no erasure covers it");
  } else if (!body_.ParseFromArray(body->data(),
                                   static_cast<int>(body->size()))) {
    findings_.Add(EntryPlace(sequence), "its body is no message");
  } else {
    CheckPrevious(header_, body_.key());
    if (options_.visit) options_.visit({header_, body_, header_bytes, *body});
  }
  KeepWanted(header_.commit_time_us());
  return CompareHead();
}

bool Check::CheckHeader(const v1::EntryHeader& header) {
  const uint64_t sequence = range_.size();
  if (header.sequence() != sequence) {
    return Stop(EntryPlace(sequence),
                fmt::format("says that it is entry {}: entries were dropped, "
                            "repeated or swapped",
                            header.sequence()));
  }
  if (header.commit_time_us() < last_time_us_) {
    findings_.Add(EntryPlace(sequence),
                  "was committed before the entry in front of it (" +
                      base::FormatChinaTime(header.commit_time_us()) + ")");
  }
  last_time_us_ = header.commit_time_us();
  if (sequence == timed_size_) first_time_us_ = last_time_us_;
  transaction_open_ = !header.last_of_transaction();
  return true;
}

// An entry that changes the log's key is one of those that the copy names, and
// the other way round.
void Check::CheckKeyChange(std::optional<std::string_view> body) {
  const uint64_t sequence = header_.sequence();
  const auto& changes = keys_.changes();
  const auto named = std::find_if(changes.begin(), changes.end(),
                                  [&](const ledger::KeyChange& change) {
                                    return change.sequence == sequence;
                                  });
  const bool changes_key =
      !is_own_ && header_.type() == v1::RECORD_TYPE_LOG_KEY;
  if (named == changes.end() && !changes_key) return;
  if (named == changes.end()) {
    findings_.Add(EntryPlace(sequence),
                  "changes the log's key, but the copy names no such change "
                  "that can be believed");
    return;
  }
  ledger::BodyView view;
  bool same = !body.has_value();
  if (!same && ledger::ReadBody(*body, &view)) {
    const auto statement = exchange::KeyStatementOf(view.record);
    same = statement.ok() && *statement == named->statement;
  }
  if (changes_key && same) return;
  findings_.Add(EntryPlace(sequence),
                "is not the change of the log's key that the copy names here");
}

void Check::CheckPrevious(const v1::EntryHeader& header, std::string_view key) {
  uint64_t& last = last_change_.Of(key);
  const bool wrong = outcome_.withheld == 0 ? header.previous() != last
                                            : header.previous() < last;
  if (wrong) {
    findings_.Add(
        EntryPlace(header.sequence()),
        fmt::format("names entry {} as the previous change of its record, but "
                    "that is entry {} (counted from 1; 0 = none)",
                    header.previous(), last));
  }
  last = header.sequence() + 1;
}

bool Check::CompareHead() {
  const auto head = heads_.find(range_.size());
  if (head == heads_.end()) return true;
  ++outcome_.checkpoints;
  if (range_.Root() == head->second.root) {
    if (head->second.cosigned.has_value()) {
      CompareTimes(*head->second.cosigned);
      timed_size_ = head->first;
    }
    compared_size_ = head->first;
    return true;
  }
  return Stop(fmt::format("{} entries {} to {}", name_, compared_size_,
                          head->first - 1),
              fmt::format("do not hash to the root that {} signed at "
                          "size {}: one of them was changed, dropped or added",
                          owner_, head->first));
}

// The entries since the last head were there when the province saw this one.
void Check::CompareTimes(uint64_t cosigned_seconds) {
  if (policy_.synthetic_clock) return;
  constexpr int64_t kMicros = 1'000'000;
  const auto cosigned = static_cast<int64_t>(cosigned_seconds);
  const uint64_t end = range_.size();
  if (last_time_us_ / kMicros > cosigned + kCosignedTimeTolerance) {
    findings_.Add(
        EntryPlace(end - 1),
        fmt::format("names the time {}, but the province had seen it at {}",
                    base::FormatChinaTime(last_time_us_),
                    base::FormatChinaTime(cosigned * kMicros)));
  }
  const int64_t delay = cosigned - first_time_us_ / kMicros;
  if (delay <= kContactSeconds) return;
  std::vector<UnwitnessedRange>& ranges = outcome_.unwitnessed;
  if (ranges.empty() || ranges.back().end != timed_size_) {
    ranges.push_back({timed_size_, end, delay});
    return;
  }
  ranges.back().end = end;
  ranges.back().seconds = std::max(ranges.back().seconds, delay);
}

void Check::KeepWanted(int64_t commit_time_us) {
  const uint64_t size = range_.size();
  if (!options_.wanted.contains(size) && !heads_.contains(size)) return;
  outcome_.roots[size] = range_.Root();
  outcome_.commit_times[size] = commit_time_us;
}

void Check::Finish() {
  outcome_.size = range_.size();
  outcome_.root = range_.Root();
  outcome_.last_commit_time_us = last_time_us_;
  FindSigned();
  if (stopped_) return;
  CheckNewestCosigned();
  if (transaction_open_) {
    findings_.Add(EntryPlace(outcome_.size - 1),
                  "is the last one and does not end its transaction");
  }
  const uint64_t signed_size = outcome_.signed_size;
  if (signed_size > outcome_.size) {
    findings_.Add(EntryPlace(outcome_.size),
                  fmt::format("is missing: {} signed {} entries and the copy "
                              "ends here",
                              owner_, signed_size));
  } else if (signed_size < outcome_.size) {
    findings_.Add(fmt::format("{} entries {} to {}", name_, signed_size,
                              outcome_.size - 1),
                  fmt::format("are covered by no head that {} signed", owner_));
  }
  CheckQuorum();
  Keep();
}

void Check::FindSigned() {
  const size_t enough = std::max<uint64_t>(quorum_, 1);
  for (const auto& [size, head] : heads_) {
    outcome_.signed_size = size;
    if (head.cosigned.has_value()) outcome_.held = {size, *head.cosigned};
    if (head.witnessed.size() < enough) continue;
    std::vector<uint64_t> times;
    for (const auto& [name, seconds] : head.witnessed) times.push_back(seconds);
    std::sort(times.begin(), times.end());
    outcome_.witnessed = {size, times[enough - 1]};
  }
}

// Witnesses need a moment for the newest heads; everything older must have its
// quorum.
void Check::CheckQuorum() {
  if (quorum_ == 0) return;
  const uint64_t covered = outcome_.witnessed.size;
  const auto next = outcome_.commit_times.upper_bound(covered);
  if (next == outcome_.commit_times.end() ||
      last_time_us_ - next->second <= kQuorumSeconds * base::kMicrosPerSecond) {
    return;
  }
  findings_.Add(
      fmt::format("{} entries {} to {}", name_, covered, outcome_.size - 1),
      fmt::format("are covered by no head that {} witnesses cosigned",
                  quorum_));
}

v1::VerifiedLog Check::Facts() const {
  v1::VerifiedLog facts;
  facts.mutable_bundles()->set_bytes(bundle_bytes_);
  facts.mutable_checkpoints()->set_bytes(checkpoint_bytes_);
  facts.set_range(range_.Encode());
  facts.set_notes(notes_);
  for (const auto& [size, head] : heads_) {
    v1::VerifiedHead& one = *facts.add_heads();
    one.set_size(size);
    one.set_root(std::string(head.root.view()));
    if (head.cosigned.has_value()) one.set_cosigned(*head.cosigned);
    one.set_not_cosigned(head.not_cosigned);
    one.mutable_witnessed()->insert(head.witnessed.begin(),
                                    head.witnessed.end());
  }
  for (const auto& [size, root] : outcome_.roots) {
    v1::VerifiedSize& one = *facts.add_sizes();
    one.set_size(size);
    one.set_root(std::string(root.view()));
    one.set_commit_time_us(outcome_.commit_times.at(size));
  }
  for (const UnwitnessedRange& range : outcome_.unwitnessed) {
    v1::VerifiedLateness& one = *facts.add_late();
    one.set_first(range.first);
    one.set_end(range.end);
    one.set_seconds(range.seconds);
  }
  facts.set_checkpoints_compared(outcome_.checkpoints);
  facts.set_compared_size(compared_size_);
  facts.set_timed_size(timed_size_);
  facts.set_first_time_us(first_time_us_);
  facts.set_last_time_us(last_time_us_);
  facts.set_transaction_open(transaction_open_);
  facts.set_withheld(outcome_.withheld);
  return facts;
}

void Check::Keep() {
  kept_size_ = range_.size();
  if (options_.keep && findings_.empty()) options_.keep(Facts(), last_change_);
}

absl::Status Check::Resume(VerifiedPart* part) {
  const v1::VerifiedLog& facts = part->facts;
  ASSIGN_OR_RETURN(range_, ledger::CompactRange::Decode(facts.range()));
  const auto is_hash = [](const auto& one) {
    return one.root().size() == base::Hash().bytes.size();
  };
  if (!std::all_of(facts.heads().begin(), facts.heads().end(), is_hash) ||
      !std::all_of(facts.sizes().begin(), facts.sizes().end(), is_hash)) {
    return base::DataLossError("a root has not 32 bytes");
  }
  bundle_bytes_ = facts.bundles().bytes();
  checkpoint_bytes_ = facts.checkpoints().bytes();
  notes_ = facts.notes();
  for (const v1::VerifiedHead& one : facts.heads()) {
    Head& head = heads_[one.size()];
    head.root = base::Hash::FromView(one.root());
    if (one.has_cosigned()) head.cosigned = one.cosigned();
    head.not_cosigned = one.not_cosigned();
    head.witnessed.insert(one.witnessed().begin(), one.witnessed().end());
  }
  for (const v1::VerifiedSize& one : facts.sizes()) {
    outcome_.roots[one.size()] = base::Hash::FromView(one.root());
    outcome_.commit_times[one.size()] = one.commit_time_us();
  }
  for (const v1::VerifiedLateness& one : facts.late()) {
    outcome_.unwitnessed.push_back({one.first(), one.end(), one.seconds()});
  }
  outcome_.checkpoints = facts.checkpoints_compared();
  compared_size_ = facts.compared_size();
  timed_size_ = facts.timed_size();
  first_time_us_ = facts.first_time_us();
  last_time_us_ = facts.last_time_us();
  transaction_open_ = facts.transaction_open();
  outcome_.withheld = facts.withheld();
  outcome_.resumed_size = kept_size_ = range_.size();
  outcome_.resumed_us = facts.verified_us();
  last_change_ = std::move(part->changes);
  return absl::OkStatus();
}

absl::Status Check::CanGoOn() const {
  if (late_head_ == 0) return absl::OkStatus();
  return base::FailedPreconditionError(
      "{}: the copy has got a head at size {}, within the part that was "
      "verified before; verify without --resume",
      name_, late_head_);
}

// Findings of a file that has come to its end too early.
absl::Status AddDataLoss(const absl::Status& status, std::string place,
                         Findings* findings) {
  if (!absl::IsDataLoss(status)) return status;
  findings->Add(std::move(place), std::string(base::Message(status)));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LogOutcome> CheckLog(const Archive& archive,
                                    const Policy& policy, const LogPolicy& log,
                                    const LogCheckOptions& options,
                                    Findings* findings) {
  ASSIGN_OR_RETURN(CopiedKeys copied, ReadLogKeys(archive, log));
  Check check(policy, log, std::move(copied), options, findings);
  if (options.resume != nullptr) {
    RETURN_IF_ERROR(check.Resume(options.resume));
  }
  const std::string name = LogName(log.city);
  const auto notes = ReadPieces(
      archive.checkpoints(log.city),
      [&](std::string_view note) {
        check.TakeCheckpoint(note);
        return absl::OkStatus();
      },
      check.checkpoint_bytes());
  RETURN_IF_ERROR(AddDataLoss(notes.status(), name + " checkpoints", findings));
  RETURN_IF_ERROR(check.CanGoOn());
  if (notes.ok()) check.set_checkpoint_bytes(*notes);
  const auto bundles = ReadPieces(
      archive.bundles(log.city),
      [&](std::string_view bytes) {
        return check.TakeBundle(bytes)
                   ? absl::OkStatus()
                   : absl::Status(absl::StatusCode::kCancelled, "");
      },
      check.bundle_bytes());
  if (!check.stopped()) {
    RETURN_IF_ERROR(AddDataLoss(bundles.status(), name + " bundles", findings));
  }
  check.Finish();
  return std::move(check).outcome();
}

}  // namespace tongchou::audit
