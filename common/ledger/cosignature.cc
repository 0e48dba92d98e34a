#include "common/ledger/cosignature.h"

#include "common/base/big_endian.h"
#include "common/base/status.h"

namespace tongchou::ledger {
namespace {

constexpr size_t kTimeBytes = 8;

std::string SignedMessage(std::string_view note_text, uint64_t unix_seconds) {
  return fmt::format("cosignature/v1\ntime {}\n{}", unix_seconds, note_text);
}

}  // namespace

bool VerifyCosignatureBlob(std::string_view note_text, std::string_view blob,
                           const base::Ed25519PublicKey& key) {
  if (blob.size() != kCosignatureBlobBytes) return false;
  const uint64_t time = base::ReadBigEndian(blob.substr(0, kTimeBytes));
  return key.Verify(SignedMessage(note_text, time), blob.substr(kTimeBytes));
}

absl::StatusOr<uint64_t> VerifyCosignature(std::string_view note_bytes,
                                           const VerifierKey& key) {
  if (key.type != KeyType::kCosignature) {
    return base::InvalidArgumentError("{} is no key of a cosigner",
                                      key.ToText());
  }
  ASSIGN_OR_RETURN(const Note note, OpenNote(note_bytes, key));
  for (const NoteSignature& signature : note.signatures) {
    if (signature.name == key.name && signature.key_id == key.id()) {
      return base::ReadBigEndian(
          std::string_view(signature.blob).substr(0, kTimeBytes));
    }
  }
  return base::InternalError("a verified cosignature is gone");
}

absl::StatusOr<std::string> Cosigner::Cosign(std::string_view note_bytes,
                                             uint64_t unix_seconds) const {
  ASSIGN_OR_RETURN(Note note, ParseNote(note_bytes));
  const VerifierKey key = verifier();
  std::erase_if(note.signatures, [&](const NoteSignature& signature) {
    return signature.name == key.name && signature.key_id == key.id();
  });
  NoteSignature own{name_, key.id(), {}};
  base::AppendBigEndian<kTimeBytes>(unix_seconds, &own.blob);
  own.blob += key_.Sign(SignedMessage(note.text, unix_seconds));
  note.signatures.push_back(std::move(own));
  return FormatNote(note);
}

}  // namespace tongchou::ledger
