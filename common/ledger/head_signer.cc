#include "common/ledger/head_signer.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "common/base/file.h"
#include "common/base/status.h"

namespace tongchou::ledger {
namespace {

// A guard without "format" has the first.
constexpr uint64_t kGuardFormat = 1;

struct Guard {
  uint64_t allowed_size = 0;
  std::string last_note;
};

absl::StatusOr<Guard> ReadGuard(const std::string& path,
                                std::string_view origin) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  const nlohmann::json json =
      nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_object() && json.value("format", nlohmann::json(kGuardFormat)) >
                              nlohmann::json(kGuardFormat)) {
    return base::FailedPreconditionError(
        "{}: the sign guard has format {}, this program knows formats up to "
        "{}; start the newer release that wrote it",
        path, json["format"].dump(), kGuardFormat);
  }
  if (!json.is_object() || !json.contains("origin") ||
      !json.contains("allowed_size") || !json.contains("last_note") ||
      !json["allowed_size"].is_number_unsigned() ||
      !json["last_note"].is_string()) {
    return base::DataLossError(
        "{}: this is no sign guard; move it away and let the province confirm "
        "the log",
        path);
  }
  if (json["origin"] != origin) {
    return base::FailedPreconditionError(
        "{}: the sign guard is of {}, this node is {}", path,
        json["origin"].dump(), origin);
  }
  return Guard{json["allowed_size"], json["last_note"]};
}

absl::Status SaveGuardFile(const std::string& path, std::string_view origin,
                           const Guard& guard) {
  nlohmann::ordered_json json;
  json["format"] = kGuardFormat;
  json["origin"] = origin;
  json["allowed_size"] = guard.allowed_size;
  json["last_note"] = guard.last_note;
  return base::WriteFileDurably(path, json.dump(1) + "\n");
}

}  // namespace

absl::StatusOr<std::string> HeadSigner::GuardedNote(
    const std::string& guard_path, std::string_view origin) {
  if (!base::FileExists(guard_path)) return std::string();
  ASSIGN_OR_RETURN(Guard guard, ReadGuard(guard_path, origin));
  return std::move(guard.last_note);
}

absl::Status HeadSigner::RestoreGuard(const std::string& guard_path,
                                      std::string_view origin, uint64_t size,
                                      std::string note) {
  return SaveGuardFile(guard_path, origin,
                       {size + kSigningLeaseEntries, std::move(note)});
}

SigningKeys::SigningKeys(Signer only)
    : keys(only.verifier()), newest(std::move(only)) {}

HeadSigner::HeadSigner(std::string guard_path, std::string origin,
                       SigningKeys keys)
    : guard_path_(std::move(guard_path)),
      origin_(std::move(origin)),
      keys_(std::move(keys)) {}

absl::StatusOr<std::unique_ptr<HeadSigner>> HeadSigner::Open(
    std::string guard_path, std::string origin, SigningKeys keys,
    const LogStore* log, bool alone) {
  std::unique_ptr<HeadSigner> opened(new HeadSigner(
      std::move(guard_path), std::move(origin), std::move(keys)));
  opened->log_ = log;
  const uint64_t size = log->Head().size();
  base::MutexLock lock(opened->mutex_);
  RETURN_IF_ERROR(opened->TakeChange());
  opened->read_only_reason_ = opened->keys_.problem;
  if (!base::FileExists(opened->guard_path_)) {
    if (size == 0) {
      opened->confirmed_ = alone;
      RETURN_IF_ERROR(opened->WriteGuard());
      return opened;
    }
    opened->read_only_reason_ = fmt::format(
        "the sign guard {} is missing beside a log of {} entries; bring it "
        "back, or let the province confirm the log",
        opened->guard_path_, size);
    return opened;
  }
  ASSIGN_OR_RETURN(Guard guard,
                   ReadGuard(opened->guard_path_, opened->origin_));
  opened->allowed_size_ = guard.allowed_size;
  opened->last_note_ = std::move(guard.last_note);
  opened->saved_note_ = opened->last_note_;
  if (opened->last_note_.empty()) {
    opened->confirmed_ = alone && size == 0;
    return opened;
  }
  ASSIGN_OR_RETURN(const Checkpoint last, ReadCheckpoint(opened->last_note_));
  opened->signed_size_ = last.size;
  if (last.size > size) {
    opened->read_only_reason_ = fmt::format(
        "the log has {} entries but {} were signed: it is an old copy", size,
        last.size);
    return opened;
  }
  if (!opened->keys_.problem.empty()) return opened;
  // An old copy may lack the change to the key that signed it.
  RETURN_IF_ERROR(opened->keys_.keys.Open(opened->last_note_).status());
  ASSIGN_OR_RETURN(const Hash root, log->RootAt(last.size));
  if (root != last.root) {
    opened->read_only_reason_ = fmt::format(
        "the log is another than the one signed at size {}", last.size);
  }
  return opened;
}

std::string HeadSigner::read_only_reason() const {
  base::MutexLock lock(mutex_);
  return read_only_reason_;
}

absl::Status HeadSigner::Confirm(uint64_t known_size, const Hash& known_root) {
  const uint64_t size = log_->Head().size();
  if (known_size > size) {
    return base::FailedPreconditionError(
        "the province holds {} entries of this log, here are {}: this is an "
        "old copy",
        known_size, size);
  }
  ASSIGN_OR_RETURN(const Hash root, log_->RootAt(known_size));
  if (known_size > 0 && root != known_root) {
    return base::FailedPreconditionError(
        "the province holds another log at size {}: a fork; call the province",
        known_size);
  }
  base::MutexLock lock(mutex_);
  if (signed_size_ > size || !keys_.problem.empty()) {
    return base::FailedPreconditionError("{}", read_only_reason_);
  }
  confirmed_ = true;
  read_only_reason_.clear();
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> HeadSigner::CheckSignable(
    uint64_t size, const Hash& root) const {
  if (!confirmed_) {
    return base::FailedPreconditionError(
        "nothing is signed before the province has confirmed the log");
  }
  if (last_note_.empty()) return std::optional<std::string>();
  ASSIGN_OR_RETURN(const Checkpoint last, ReadCheckpoint(last_note_));
  if (last.size == size && last.root == root) return std::optional(last_note_);
  if (last.size == size) {
    return base::DataLossError("two roots at size {} of the own log", size);
  }
  if (last.size > size) {
    ASSIGN_OR_RETURN(const Hash known, log_->RootAt(size));
    if (known != root) {
      return base::DataLossError("two roots at size {} of the own log", size);
    }
  }
  return std::optional<std::string>();
}

absl::StatusOr<std::string> HeadSigner::Sign(uint64_t size, const Hash& root) {
  base::MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(auto last, CheckSignable(size, root));
  if (last.has_value()) return *std::move(last);
  ASSIGN_OR_RETURN(const Signer* const signer, SignerFor(size));
  std::string note = signer->Sign(size, root);
  // An earlier head of the same log: harmless, but it is not the last.
  if (size < signed_size_) return note;
  last_note_ = note;
  signed_size_ = size;
  if (size > allowed_size_ || allowed_size_ == 0) {
    allowed_size_ = size + kSigningLeaseEntries;
    RETURN_IF_ERROR(WriteGuard());
  }
  return note;
}

absl::StatusOr<std::string> HeadSigner::Draft(uint64_t size, const Hash& root) {
  base::MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(auto last, CheckSignable(size, root));
  if (last.has_value()) return *std::move(last);
  ASSIGN_OR_RETURN(const Signer* const signer, SignerFor(size));
  return signer->Sign(size, root);
}

absl::StatusOr<std::string> HeadSigner::SignHeartbeat(
    uint64_t size, const Heartbeat& heartbeat) {
  base::MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const Signer* const signer, SignerFor(size));
  return ledger::SignHeartbeat(heartbeat, *signer);
}

std::string HeadSigner::SignStart(const Start& start) {
  base::MutexLock lock(mutex_);
  std::vector<Signer> signers;
  for (const auto* signer : {&old_signer_, &keys_.newest}) {
    if (signer->has_value()) signers.push_back(**signer);
  }
  if (keys_.coming.has_value()) signers.push_back(keys_.coming->signer);
  return ledger::SignStart(start, signers);
}

// A change counts once its entry is committed. What is committed below a size
// can be found before anybody asks for a signature over that size.
absl::Status HeadSigner::TakeChange() {
  if (!keys_.coming.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto entry, keys_.coming->find_entry());
  if (!entry.has_value() || *entry >= log_->Head().size()) {
    return absl::OkStatus();
  }
  const VerifierKey next = keys_.coming->signer.verifier();
  RETURN_IF_ERROR(
      keys_.keys.Add({*entry, keys_.coming->statement}, {&next, 1}));
  old_signer_ = std::exchange(keys_.newest, std::move(keys_.coming->signer));
  keys_.coming.reset();
  return absl::OkStatus();
}

// Who follows the log learns of the new key where its entry is, so the old one
// signs what lies before, as long as it is here.
absl::StatusOr<const Signer*> HeadSigner::SignerFor(uint64_t size) {
  RETURN_IF_ERROR(TakeChange());
  if (!keys_.newest.has_value()) {
    return base::UnavailableError(
        "the log's key was replaced; the new one signs once the change is an "
        "entry of the log");
  }
  if (old_signer_.has_value() && size <= keys_.keys.changes().back().sequence) {
    return &*old_signer_;
  }
  return &*keys_.newest;
}

absl::Status HeadSigner::Change(ComingKey coming) {
  base::MutexLock lock(mutex_);
  if (keys_.coming.has_value() || old_signer_.has_value()) {
    return base::FailedPreconditionError(
        "another change of the log's key is on its way");
  }
  keys_.coming = std::move(coming);
  return absl::OkStatus();
}

void HeadSigner::ForgetOldKey() {
  base::MutexLock lock(mutex_);
  old_signer_.reset();
}

LogKeys HeadSigner::keys() {
  base::MutexLock lock(mutex_);
  // What stops it stops the next signature too, which says so.
  TakeChange().IgnoreError();
  return keys_.keys;
}

absl::Status HeadSigner::WriteGuard() {
  RETURN_IF_ERROR(
      SaveGuardFile(guard_path_, origin_, {allowed_size_, last_note_}));
  saved_note_ = last_note_;
  return absl::OkStatus();
}

absl::Status HeadSigner::SaveGuard() {
  base::MutexLock lock(mutex_);
  if (last_note_ == saved_note_ || !read_only_reason_.empty()) {
    return absl::OkStatus();
  }
  return WriteGuard();
}

std::string HeadSigner::last_note() const {
  base::MutexLock lock(mutex_);
  return last_note_;
}

VerifierKey HeadSigner::verifier() const {
  base::MutexLock lock(mutex_);
  return keys_.keys.newest();
}

}  // namespace tongchou::ledger
