// The newest signed head of the province's own log. Where a mirror is required,
// a head is shown only once the mirror keeps everything below it, and nothing
// is appended to the log before the mirror has shown, after each start, that it
// holds no more than is here.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/ledger/head_signer.h"
#include "common/ledger/log_store.h"

namespace tongchou::aggregator {

struct OwnHeadOptions {
  std::string sign_guard;
  std::string origin;                                 // tongchou/360000
  std::map<uint32_t, ledger::VerifierKey> witnesses;  // cities that cosign
  bool mirror_required = false;
  base::Clock* clock = nullptr;  // null = the real one; outlives the head
};

// A mirror that has said nothing for so long is away; it answers every second.
inline constexpr int64_t kMirrorAwayMicros = 10 * base::kMicrosPerSecond;

struct SignedHead {
  uint64_t size = 0;
  std::string note;
};

// A city's newest cosignature on this log.
struct WitnessNews {
  uint64_t size = 0;
  int64_t cosigned_seconds = 0;
};

// What is known of the mirror since the start.
struct MirrorNews {
  bool required = false;
  bool connected = false;
  uint64_t size = 0;     // entries that it keeps
  int64_t heard_us = 0;  // 0 = never
};

// Thread-safe.
class OwnHead {
 public:
  // A log that is older than what its guard says was signed is not signed any
  // more: problem() says so. Nothing else is refused then.
  static absl::StatusOr<std::unique_ptr<OwnHead>> Open(
      const OwnHeadOptions& options, ledger::Signer signer,
      ledger::LogStore* log);

  // Signs the log as it is now unless that was done; the newest note, empty
  // for an empty log. FAILED_PRECONDITION while there is a problem. With a
  // mirror: asks for a round of it and signs what it keeps.
  absl::StatusOr<std::string> Sign();
  // Waits until the first `size` entries are signed; false when they are not.
  bool AwaitSigned(uint64_t size, std::chrono::milliseconds timeout);
  // The newest that was signed by this start, without signing.
  SignedHead newest() const;
  uint64_t signed_size() const { return signed_size_; }

  // Somebody shows a head of this log: a note with the province's signature. A
  // head that is newer than the log, or another, means that the province was
  // rolled back or copied: nothing is signed any more. INVALID_ARGUMENT when
  // the note is not the province's, FAILED_PRECONDITION for the others; else
  // the head's size.
  absl::StatusOr<uint64_t> Met(std::string_view note);

  // A head with a city's cosignature: kept with the head. INVALID_ARGUMENT
  // unless the head is one that was signed here and the line is the city's.
  absl::Status Cosigned(uint32_t city, std::string_view note);
  // A city that joined; what the configuration says of it counts.
  void AddWitness(uint32_t city, const ledger::VerifierKey& key);
  // One whose key was replaced: this one counts.
  void ReplaceWitness(uint32_t city, const ledger::VerifierKey& key);
  ledger::VerifierKey verifier() const { return signer_->verifier(); }
  // By city, since the start.
  std::map<uint32_t, WitnessNews> witnesses() const;

  // Why nothing is signed; empty when all is well.
  std::string problem() const;
  // Why nothing may be appended to the log now; empty when it may.
  std::string hold_reason() const;

  // A mirror has come and shows its newest head; empty: it holds nothing. That
  // head; when it is beyond the log, the rest is to be brought back before
  // MirrorAgrees. INVALID_ARGUMENT when the note is not the province's;
  // FAILED_PRECONDITION when both hold different logs, or when it is beyond the
  // log and no mirror is required.
  absl::StatusOr<ledger::Checkpoint> MirrorShows(std::string_view note);
  // Everything below its head is here. FAILED_PRECONDITION when more was signed
  // than the two hold together: nothing is appended then.
  absl::Status MirrorAgrees(const ledger::Checkpoint& mirror);
  // What it sent back is not what was signed: the log waits for another.
  void MirrorContradicts(std::string problem);
  // A head for the mirror alone.
  absl::StatusOr<std::string> DraftFor(const ledger::CompactRange& end) const;
  // It keeps everything below that head, fsynced.
  absl::Status MirrorKeeps(const ledger::Checkpoint& head);
  void MirrorLeft();
  // The size up to which the mirror is to be fed: returns at once when that is
  // more than `fed`, else within `timeout`.
  uint64_t AwaitWanted(uint64_t fed, std::chrono::milliseconds timeout);
  MirrorNews mirror() const;

 private:
  OwnHead(const OwnHeadOptions& options,
          std::unique_ptr<ledger::HeadSigner> signer, ledger::LogStore* log)
      : signer_(std::move(signer)),
        log_(*log),
        clock_(options.clock == nullptr ? real_clock_ : *options.clock),
        keys_(options.witnesses) {
    mirror_.required = options.mirror_required;
    open_ = !options.mirror_required;
  }

  absl::Status ShowGuarded();
  absl::StatusOr<std::string> SignLocked()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckSignedIsHere() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetMetIfHere() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string ProblemNow() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string HoldNow() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::unique_ptr<ledger::HeadSigner> signer_;
  ledger::LogStore& log_;
  base::RealClock real_clock_;
  base::Clock& clock_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::atomic<uint64_t> signed_size_ = 0;
  std::atomic<bool> open_ = false;            // HoldNow() has nothing to say
  std::string note_ ABSL_GUARDED_BY(mutex_);  // over signed_size_
  std::map<uint32_t, ledger::VerifierKey> keys_ ABSL_GUARDED_BY(mutex_);
  std::map<uint32_t, WitnessNews> witnesses_ ABSL_GUARDED_BY(mutex_);
  std::string met_problem_ ABSL_GUARDED_BY(mutex_);
  std::string mirror_problem_ ABSL_GUARDED_BY(mutex_);
  ledger::Checkpoint met_ ABSL_GUARDED_BY(mutex_);  // newest beyond the log
  MirrorNews mirror_ ABSL_GUARDED_BY(mutex_);
  bool agreed_ ABSL_GUARDED_BY(mutex_) = false;  // with the mirror
  ledger::Checkpoint kept_ ABSL_GUARDED_BY(mutex_);
  uint64_t wanted_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace tongchou::aggregator
