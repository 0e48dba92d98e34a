// Signs heads of one log, guarded: a file outside the database directory says
// up to which size signing is allowed and which note left the process last, so
// that a log restored from an old copy cannot be signed into a second history.
//
// The guard is a lease: it is extended and fsynced ahead of use, off the path
// of commits. After every start nothing is signed until Confirm.
//
// The key may change while it signs: the new one takes over where the change
// is an entry of the log.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/heartbeat.h"
#include "common/ledger/log_keys.h"
#include "common/ledger/log_store.h"
#include "common/ledger/signer.h"
#include "common/ledger/start.h"

namespace tongchou::ledger {

inline constexpr uint64_t kSigningLeaseEntries = 1'000'000;

// A change of the key that is on its way into the log.
struct ComingKey {
  Signer signer;
  std::string statement;
  // The sequence of its entry; nothing before it is on its way. Called from
  // any thread.
  std::function<absl::StatusOr<std::optional<uint64_t>>()> find_entry;
};

// With what the owner of a log signs it.
struct SigningKeys {
  // Implicit: most logs have one key.
  SigningKeys(Signer only);  // NOLINT(google-explicit-constructor)
  SigningKeys(LogKeys log_keys, std::optional<Signer> signer)
      : keys(std::move(log_keys)), newest(std::move(signer)) {}

  LogKeys keys;                  // with the changes that are in the log
  std::optional<Signer> newest;  // nothing: it was lost, `coming` replaces it
  std::optional<ComingKey> coming;
  // Why the log is not one that these keys may sign; empty = it is.
  std::string problem;
};

// Thread-safe.
class HeadSigner {
 public:
  // Reads the guard file. A log without entries and without a guard is a first
  // start, or a lost disk: the guard is created; signing is allowed at once
  // only if the log is `alone`, with nobody who could confirm it. OK also when
  // the log may only be read: then read_only_reason() says why (guard missing
  // beside a log with entries; guard ahead of the log; last note of the guard
  // contradicts the log; the keys are not the log's).
  static absl::StatusOr<std::unique_ptr<HeadSigner>> Open(
      std::string guard_path, std::string origin, SigningKeys keys,
      const LogStore* log, bool alone);

  // The newest note that a guard file names; empty without a file or a note.
  static absl::StatusOr<std::string> GuardedNote(const std::string& guard_path,
                                                 std::string_view origin);
  // Writes the guard of a log that was brought back, with a head of this size
  // that its owner signed before, as was verified.
  static absl::Status RestoreGuard(const std::string& guard_path,
                                   std::string_view origin, uint64_t size,
                                   std::string note);

  // Empty when the log may be written.
  std::string read_only_reason() const;

  // The province's (or a witness's) newest verified head of this log; size 0 =
  // it has none. Allows signing when the log extends it. FAILED_PRECONDITION
  // when the log is shorter or another.
  absl::Status Confirm(uint64_t known_size, const Hash& known_root);

  // A signed checkpoint over the first `size` entries, for which `root` is the
  // root. The guard knows it durably before it returns. FAILED_PRECONDITION
  // before Confirm and when an other root was signed at this size or a greater
  // size before. UNAVAILABLE while the key that signs next is not in the log
  // and there is no other.
  absl::StatusOr<std::string> Sign(uint64_t size, const Hash& root);

  // The note that Sign would give, of which the guard is told nothing: for
  // whoever keeps the log a second time before anyone else sees the head.
  // Errors as those of Sign.
  absl::StatusOr<std::string> Draft(uint64_t size, const Hash& root);

  // The heartbeat as a note signed with the key that signs heads of `size`; it
  // commits to no head, so the guard has no say. UNAVAILABLE as Sign.
  absl::StatusOr<std::string> SignHeartbeat(uint64_t size,
                                            const Heartbeat& heartbeat);

  // The start as a note signed with every key that is here: also with one that
  // is still to come into the log, since another end that holds more of the log
  // counts on that already. The guard has no say.
  std::string SignStart(const Start& start);

  // Writes the newest note to the guard unless it is there; once a second and
  // at the end, so that an old copy of the log is known at its start.
  absl::Status SaveGuard();

  // Newest note signed, also by earlier starts; empty before the first.
  std::string last_note() const;
  VerifierKey verifier() const;
  // With the changes that are in the log.
  LogKeys keys();

  // The key is to change: from the entry on that says so, `coming` signs. The
  // old key keeps signing heads of sizes below. FAILED_PRECONDITION while
  // another change is on its way.
  absl::Status Change(ComingKey coming);
  // Forgets the old key: everything below its end was signed and taken over.
  void ForgetOldKey();

 private:
  HeadSigner(std::string guard_path, std::string origin, SigningKeys keys);
  absl::Status TakeChange() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<const Signer*> SignerFor(uint64_t size)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The last note when it is this head; nothing when this may be signed.
  absl::StatusOr<std::optional<std::string>> CheckSignable(
      uint64_t size, const Hash& root) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status WriteGuard() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string guard_path_;
  const std::string origin_;
  const LogStore* log_ = nullptr;
  mutable base::Mutex mutex_;
  SigningKeys keys_ ABSL_GUARDED_BY(mutex_);
  std::optional<Signer> old_signer_ ABSL_GUARDED_BY(mutex_);
  bool confirmed_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t allowed_size_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t signed_size_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string last_note_ ABSL_GUARDED_BY(mutex_);
  std::string saved_note_ ABSL_GUARDED_BY(mutex_);
  std::string read_only_reason_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tongchou::ledger
