// The key with which the owner of a log signs its heads.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "common/base/ed25519.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/note.h"

namespace tongchou::ledger {

// Immutable, thread-safe. The key's name is the log's origin.
class Signer {
 public:
  Signer(std::string origin, base::Ed25519PrivateKey key)
      : origin_(std::move(origin)), key_(std::move(key)) {}

  const std::string& origin() const { return origin_; }
  VerifierKey verifier() const {
    return {origin_, KeyType::kEd25519, key_.public_key()};
  }
  // A signed note over the head.
  std::string Sign(uint64_t size, const base::Hash& root) const {
    Note note;
    note.text = FormatCheckpoint({origin_, size, root});
    note.signatures.push_back(SignatureOf(note.text));
    return FormatNote(note);
  }
  // This key's line under a note's text.
  NoteSignature SignatureOf(std::string_view text) const {
    return {origin_, verifier().id(), key_.Sign(text)};
  }

 private:
  std::string origin_;
  base::Ed25519PrivateKey key_;
};

}  // namespace tongchou::ledger
