#include "aggregator/service/own_head.h"

#include "common/base/status.h"
#include "common/ledger/cosignature.h"

namespace tongchou::aggregator {
namespace {

bool IsSameText(std::string_view a, std::string_view b) {
  const auto first = ledger::ParseNote(a);
  const auto second = ledger::ParseNote(b);
  return first.ok() && second.ok() && first->text == second->text;
}

}  // namespace

absl::StatusOr<std::unique_ptr<OwnHead>> OwnHead::Open(
    const OwnHeadOptions& options, ledger::Signer signer,
    ledger::LogStore* log) {
  ASSIGN_OR_RETURN(
      auto head_signer,
      ledger::HeadSigner::Open(options.sign_guard, options.origin,
                               std::move(signer), log, /*alone=*/true));
  // Nobody else confirms the log: its guard does.
  if (head_signer->read_only_reason().empty()) {
    RETURN_IF_ERROR(head_signer->Confirm(0, ledger::EmptyRoot()));
  }
  std::unique_ptr<OwnHead> head(
      new OwnHead(options, std::move(head_signer), log));
  RETURN_IF_ERROR(head->ShowGuarded());
  return head;
}

// What the guard names was kept by the mirror before it was signed.
absl::Status OwnHead::ShowGuarded() {
  base::MutexLock lock(mutex_);
  const std::string last = signer_->last_note();
  if (!mirror_.required || last.empty() || !ProblemNow().empty()) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(kept_, ledger::OpenCheckpoint(last, signer_->verifier()));
  return SignLocked().status();
}

absl::StatusOr<std::string> OwnHead::Sign() {
  base::MutexLock lock(mutex_);
  std::string problem = ProblemNow();
  if (problem.empty()) problem = HoldNow();
  if (!problem.empty()) {
    return base::FailedPreconditionError("the province's log: {}", problem);
  }
  wanted_ = log_.Head().size();
  changed_.NotifyAll();
  return SignLocked();
}

absl::StatusOr<std::string> OwnHead::SignLocked() {
  const ledger::LogHead head = log_.Head();
  const bool alone = !mirror_.required;
  const uint64_t size = alone ? head.size() : kept_.size;
  if (size == 0) return std::string();
  if (size <= signed_size_) return note_;
  const ledger::Hash root = alone ? head.range.Root() : kept_.root;
  ASSIGN_OR_RETURN(std::string note, signer_->Sign(size, root));
  // After a start it may be there already, with the cities' cosignatures.
  ASSIGN_OR_RETURN(const auto stored, log_.CheckpointAtOrBefore(size));
  if (stored.has_value() && IsSameText(*stored, note)) {
    note = *stored;
  } else {
    RETURN_IF_ERROR(log_.PutCheckpoint(size, note));
  }
  RETURN_IF_ERROR(signer_->SaveGuard());
  signed_size_ = size;
  note_ = note;
  changed_.NotifyAll();
  return note;
}

bool OwnHead::AwaitSigned(uint64_t size, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  base::MutexLock lock(mutex_);
  while (signed_size_ < size) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    changed_.WaitFor(mutex_, left);
  }
  return true;
}

SignedHead OwnHead::newest() const {
  base::MutexLock lock(mutex_);
  return {signed_size_, note_};
}

absl::StatusOr<uint64_t> OwnHead::Met(std::string_view note) {
  ASSIGN_OR_RETURN(const ledger::Checkpoint seen,
                   ledger::OpenCheckpoint(note, signer_->verifier()));
  const uint64_t size = log_.Head().size();
  std::string problem;
  if (seen.size > size) {
    problem = fmt::format(
        "{} entries were signed and here are {}: this is an old copy; bring "
        "the newest one back",
        seen.size, size);
  } else {
    ASSIGN_OR_RETURN(const ledger::Hash root, log_.RootAt(seen.size));
    if (root != seen.root) {
      problem = fmt::format(
          "another log was signed with this key at size {}: two copies of the "
          "province have run; keep the one that the cities know",
          seen.size);
    }
  }
  if (problem.empty()) return seen.size;
  base::MutexLock lock(mutex_);
  if (seen.size > size && seen.size > met_.size) met_ = seen;
  met_problem_ = problem;
  open_ = !mirror_.required;
  return base::FailedPreconditionError("{}", problem);
}

absl::Status OwnHead::Cosigned(uint32_t city, std::string_view note) {
  base::MutexLock lock(mutex_);
  const auto witness = keys_.find(city);
  if (witness == keys_.end()) return absl::OkStatus();
  const ledger::VerifierKey& key = witness->second;
  ASSIGN_OR_RETURN(const uint64_t seconds,
                   ledger::VerifyCosignature(note, key));
  ASSIGN_OR_RETURN(const ledger::Note cosigned, ledger::ParseNote(note));
  ASSIGN_OR_RETURN(const ledger::Checkpoint head,
                   ledger::ParseCheckpoint(cosigned.text));
  ASSIGN_OR_RETURN(const auto stored, log_.CheckpointAtOrBefore(head.size));
  // A head whose note a crash took with it: the next one covers it.
  if (!stored.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(ledger::Note known, ledger::ParseNote(*stored));
  ASSIGN_OR_RETURN(const ledger::Checkpoint at,
                   ledger::ParseCheckpoint(known.text));
  if (at.size != head.size) return absl::OkStatus();
  if (known.text != cosigned.text) {
    return base::InvalidArgumentError(
        "{:06} cosigned a head at size {} that was not signed here", city,
        head.size);
  }
  witnesses_[city] = {head.size, static_cast<int64_t>(seconds)};
  const auto is_key = [&](const ledger::NoteSignature& one) {
    return one.name == key.name && one.key_id == key.id();
  };
  std::erase_if(known.signatures, is_key);
  if (known.signatures.size() == ledger::kNoteSignaturesMax) {
    return absl::OkStatus();
  }
  for (const ledger::NoteSignature& one : cosigned.signatures) {
    if (is_key(one)) known.signatures.push_back(one);
  }
  return log_.PutCheckpoint(head.size, ledger::FormatNote(known));
}

void OwnHead::AddWitness(uint32_t city, const ledger::VerifierKey& key) {
  base::MutexLock lock(mutex_);
  keys_.emplace(city, key);
}

void OwnHead::ReplaceWitness(uint32_t city, const ledger::VerifierKey& key) {
  base::MutexLock lock(mutex_);
  keys_.insert_or_assign(city, key);
}

std::map<uint32_t, WitnessNews> OwnHead::witnesses() const {
  base::MutexLock lock(mutex_);
  return witnesses_;
}

std::string OwnHead::ProblemNow() const {
  if (!met_problem_.empty()) return met_problem_;
  if (!mirror_problem_.empty()) return mirror_problem_;
  if (signer_->read_only_reason().empty()) return "";
  if (mirror_.required) {
    return "the sign guard is missing, or it says that more was signed than is "
           "here: what is missing comes back from the mirror; start it "
           "(tongchou-audit mirror)";
  }
  return "the sign guard is missing, or it says that more was signed than is "
         "here: this is an old copy. Bring the newest one back, or begin a new "
         "log with a new signing_key (docs/trust.md, Keys)";
}

std::string OwnHead::HoldNow() const {
  if (!mirror_.required) return "";
  const std::string problem = ProblemNow();
  if (!problem.empty()) return problem;
  if (agreed_) return "";
  return "its mirror has not shown yet that nothing is missing here; start it "
         "(tongchou-audit mirror), or start the aggregator with "
         "--without-mirror";
}

std::string OwnHead::problem() const {
  base::MutexLock lock(mutex_);
  std::string problem = ProblemNow();
  if (problem.empty()) problem = HoldNow();
  if (!problem.empty() || !mirror_.required) return problem;
  const int64_t silent = clock_.NowMicros() - mirror_.heard_us;
  if (mirror_.connected && silent < kMirrorAwayMicros) return "";
  return fmt::format(
      "its mirror has been away for {} s: no newer head is shown until it is "
      "back; or start the aggregator with --without-mirror",
      silent / base::kMicrosPerSecond);
}

// The journal asks before every write, also while a head is being signed.
std::string OwnHead::hold_reason() const {
  if (open_) return "";
  base::MutexLock lock(mutex_);
  return HoldNow();
}

absl::StatusOr<ledger::Checkpoint> OwnHead::MirrorShows(std::string_view note) {
  {
    base::MutexLock lock(mutex_);
    mirror_problem_.clear();  // it was another mirror's, or is found again
  }
  ledger::Checkpoint seen;
  if (!note.empty()) {
    ASSIGN_OR_RETURN(seen, ledger::OpenCheckpoint(note, signer_->verifier()));
  }
  if (seen.size <= log_.Head().size()) {
    if (seen.size > 0) RETURN_IF_ERROR(Met(note).status());
    return seen;
  }
  base::MutexLock lock(mutex_);
  if (!mirror_.required) {
    met_problem_ = fmt::format(
        "its mirror holds {} entries: this is an old copy; put required = true "
        "under [mirror] and start again to bring them back",
        seen.size);
    return base::FailedPreconditionError("{}", met_problem_);
  }
  agreed_ = false;
  open_ = false;
  return seen;
}

// What the guard knows to have been signed must be part of the log.
absl::Status OwnHead::CheckSignedIsHere() const {
  const std::string last = signer_->last_note();
  if (last.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const ledger::Checkpoint head,
                   ledger::OpenCheckpoint(last, signer_->verifier()));
  const uint64_t size = log_.Head().size();
  if (head.size > size) {
    return base::FailedPreconditionError(
        "{} entries were signed, and here and at the mirror are {}: this is "
        "not the newest mirror",
        head.size, size);
  }
  ASSIGN_OR_RETURN(const ledger::Hash root, log_.RootAt(head.size));
  if (root == head.root) return absl::OkStatus();
  return base::FailedPreconditionError(
      "another log was signed at size {} than the one that is here", head.size);
}

void OwnHead::ForgetMetIfHere() {
  if (met_.size == 0 || met_.size > log_.Head().size()) return;
  const auto root = log_.RootAt(met_.size);
  if (root.ok() && *root == met_.root) met_problem_.clear();
}

absl::Status OwnHead::MirrorAgrees(const ledger::Checkpoint& mirror) {
  base::MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckSignedIsHere());
  // Every head that was shown is below what a required mirror keeps: it stands
  // in for a lost guard. An empty one knows nothing.
  if (mirror_.required && mirror.size > 0) {
    RETURN_IF_ERROR(signer_->Confirm(mirror.size, mirror.root));
  }
  ForgetMetIfHere();
  const std::string problem = ProblemNow();
  if (!problem.empty()) return base::FailedPreconditionError("{}", problem);
  agreed_ = true;
  open_ = true;
  mirror_.connected = true;
  mirror_.size = mirror.size;
  mirror_.heard_us = clock_.NowMicros();
  kept_ = mirror;
  return SignLocked().status();
}

void OwnHead::MirrorContradicts(std::string problem) {
  base::MutexLock lock(mutex_);
  mirror_problem_ = std::move(problem);
}

absl::StatusOr<std::string> OwnHead::DraftFor(
    const ledger::CompactRange& end) const {
  return signer_->Draft(end.size(), end.Root());
}

absl::Status OwnHead::MirrorKeeps(const ledger::Checkpoint& head) {
  base::MutexLock lock(mutex_);
  mirror_.size = head.size;
  mirror_.heard_us = clock_.NowMicros();
  kept_ = head;
  const std::string problem = ProblemNow();
  if (!problem.empty()) return base::FailedPreconditionError("{}", problem);
  return SignLocked().status();
}

void OwnHead::MirrorLeft() {
  base::MutexLock lock(mutex_);
  mirror_.connected = false;
}

uint64_t OwnHead::AwaitWanted(uint64_t fed, std::chrono::milliseconds timeout) {
  base::MutexLock lock(mutex_);
  if (wanted_ <= fed) changed_.WaitFor(mutex_, timeout);
  return wanted_;
}

MirrorNews OwnHead::mirror() const {
  base::MutexLock lock(mutex_);
  return mirror_;
}

}  // namespace tongchou::aggregator
