// Cosignatures (C2SP tlog-cosignature v1, Ed25519): "at this time, the largest
// consistent tree of this origin that I saw has this root".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/ed25519.h"
#include "common/ledger/note.h"

namespace tongchou::ledger {

// time (u64 big-endian seconds) || signature (64)
inline constexpr size_t kCosignatureBlobBytes = 72;

bool VerifyCosignatureBlob(std::string_view note_text, std::string_view blob,
                           const base::Ed25519PublicKey& key);

// The time of `key`'s cosignature on the note, seconds since 1970, once it is
// verified; errors as VerifyNote.
absl::StatusOr<uint64_t> VerifyCosignature(std::string_view note_bytes,
                                           const VerifierKey& key);

// Immutable, thread-safe.
class Cosigner {
 public:
  Cosigner(std::string name, base::Ed25519PrivateKey key)
      : name_(std::move(name)), key_(std::move(key)) {}

  VerifierKey verifier() const {
    return {name_, KeyType::kCosignature, key_.public_key()};
  }
  // The note with this cosigner's line added or renewed. The caller has
  // verified what it states.
  absl::StatusOr<std::string> Cosign(std::string_view note_bytes,
                                     uint64_t unix_seconds) const;

 private:
  std::string name_;
  base::Ed25519PrivateKey key_;
};

}  // namespace tongchou::ledger
