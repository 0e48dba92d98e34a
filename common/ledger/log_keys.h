// The keys of one log in time. A log's owner may change its key: the change is
// an entry of the log, whose record is a statement, a signed note
//
//   tongchou/360000/360100
//   key change
//   OLD VERIFIER KEY
//   NEW VERIFIER KEY
//
// with the signatures of both keys; of the new one alone where the old one was
// lost or stolen and the province's act stands in for it. The new key signs
// heads of every size from then on; the old one's hold up to the change's
// entry, not behind it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/note.h"
#include "common/ledger/signer.h"

namespace tongchou::ledger {

// Changes of one log's key; each costs every check of a head a look.
inline constexpr size_t kKeyChangesMax = 1'000;

struct KeyChange {
  uint64_t sequence = 0;  // of its entry
  std::string statement;  // the signed note

  bool operator==(const KeyChange&) const = default;
};

// The statement, signed by both.
std::string StateKeyChange(const Signer& old_signer, const Signer& new_signer);
// The statement for a key that is gone, signed by the new one alone.
std::string StateKeyReplacement(const VerifierKey& old_key,
                                const Signer& new_signer);

struct StatedKeyChange {
  VerifierKey old_key;
  VerifierKey new_key;
  bool signed_by_old = false;
};
// What a statement says, once the signatures are verified. INVALID_ARGUMENT
// when it is none; PERMISSION_DENIED when the new key did not sign it;
// DATA_LOSS when a signature does not hold.
absl::StatusOr<StatedKeyChange> OpenKeyChange(std::string_view statement);

// A value.
class LogKeys {
 public:
  // A log that never changed its key. Implicit: a key is the keys of most logs.
  LogKeys(VerifierKey first);  // NOLINT(google-explicit-constructor)

  // The keys of a log of which the newest is known for certain: every statement
  // is signed by the key that it brings in, so that one vouches for those
  // before it. Errors as Add, and DATA_LOSS when they do not lead to it.
  static absl::StatusOr<LogKeys> LeadingTo(const VerifierKey& newest,
                                           std::span<const KeyChange> changes);

  const VerifierKey& first() const { return keys_.front(); }
  const VerifierKey& newest() const { return keys_.back(); }
  const std::vector<KeyChange>& changes() const { return changes_; }
  // Whether it is, or was, one of them.
  bool Has(const VerifierKey& key) const;

  // The next change. PERMISSION_DENIED when the old key did not sign it and the
  // new one is not among `replacements`; DATA_LOSS when it does not continue
  // these keys or a signature does not hold; INVALID_ARGUMENT when the
  // statement is none; RESOURCE_EXHAUSTED beyond kKeyChangesMax. After an error
  // the keys are what they were.
  absl::Status Add(KeyChange change,
                   std::span<const VerifierKey> replacements = {});

  // As OpenCheckpoint with the one key that signed the head, of those that may
  // sign one of its size.
  absl::StatusOr<Checkpoint> Open(std::string_view note_bytes) const;

 private:
  absl::Status Append(KeyChange change, const StatedKeyChange& stated);

  std::vector<VerifierKey> keys_;   // one more than changes
  std::vector<KeyChange> changes_;  // in the order of their entries
};

}  // namespace tongchou::ledger
