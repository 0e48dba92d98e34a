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
  return std::unique_ptr<OwnHead>(
      new OwnHead(options, std::move(head_signer), log));
}

absl::StatusOr<std::string> OwnHead::Sign() {
  base::MutexLock lock(mutex_);
  const std::string problem = ProblemNow();
  if (!problem.empty()) {
    return base::FailedPreconditionError("the province's log: {}", problem);
  }
  const ledger::LogHead head = log_.Head();
  if (head.size() == 0) return std::string();
  if (head.size() == signed_size_) return note_;
  ASSIGN_OR_RETURN(std::string note,
                   signer_->Sign(head.size(), head.range.Root()));
  // After a start it may be there already, with the cities' cosignatures.
  ASSIGN_OR_RETURN(const auto stored, log_.CheckpointAtOrBefore(head.size()));
  if (stored.has_value() && IsSameText(*stored, note)) {
    note = *stored;
  } else {
    RETURN_IF_ERROR(log_.PutCheckpoint(head.size(), note));
  }
  RETURN_IF_ERROR(signer_->SaveGuard());
  signed_size_ = head.size();
  note_ = note;
  return note;
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
  met_problem_ = problem;
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

std::map<uint32_t, WitnessNews> OwnHead::witnesses() const {
  base::MutexLock lock(mutex_);
  return witnesses_;
}

std::string OwnHead::ProblemNow() const {
  if (signer_->read_only_reason().empty()) return met_problem_;
  return "the sign guard is missing, or it says that more was signed than is "
         "here: this is an old copy. Bring the newest one back, or begin a new "
         "log with a new signing_key (docs/trust.md, Keys)";
}

std::string OwnHead::problem() const {
  base::MutexLock lock(mutex_);
  return ProblemNow();
}

}  // namespace tongchou::aggregator
