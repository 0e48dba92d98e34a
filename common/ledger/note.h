// Signed notes (C2SP signed-note v1.0.0) with Ed25519 keys:
//
//   text (ends with \n)
//   (empty line)
//   — NAME base64(key id (4) || signature)        one line per signature
//
//   key id = SHA-256(name || 0x0a || type || public key)[:4]
//   verifier key = name+hex(key id)+base64(type || public key)
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ed25519.h"

namespace tongchou::ledger {

inline constexpr size_t kNoteBytesMax = 64 << 10;
inline constexpr size_t kNoteSignaturesMax = 16;

enum class KeyType : uint8_t {
  kEd25519 = 0x01,      // signs the text
  kCosignature = 0x04,  // cosignature/v1 with a time
};

using KeyId = std::array<uint8_t, 4>;
KeyId MakeKeyId(std::string_view name, KeyType type,
                std::string_view public_key);

// Not empty, no blank, no '+'.
bool IsKeyName(std::string_view name);

struct VerifierKey {
  std::string name;
  KeyType type = KeyType::kEd25519;
  std::string public_key;  // 32 bytes

  KeyId id() const { return MakeKeyId(name, type, public_key); }
  std::string ToText() const;
  bool operator==(const VerifierKey&) const = default;
};

// INVALID_ARGUMENT says what is wrong with the text.
absl::StatusOr<VerifierKey> ParseVerifierKey(std::string_view text);

struct NoteSignature {
  std::string name;
  KeyId key_id{};
  std::string blob;  // what follows the key id
};

struct Note {
  std::string text;  // with its last \n
  std::vector<NoteSignature> signatures;
};

// The form alone; nothing is verified. INVALID_ARGUMENT on a malformed note, a
// (name, key id) twice, and beyond the bounds.
absl::StatusOr<Note> ParseNote(std::string_view bytes);
std::string FormatNote(const Note& note);

// For readers of texts: takes the next line, without its \n; false when no line
// ends.
bool TakeLine(std::string_view* text, std::string_view* line);
// A decimal number as it is written: no sign, no leading zero.
bool ParseDecimal(std::string_view text, uint64_t* number);

// The signatures that must be there and right. PERMISSION_DENIED when none is
// of the key; DATA_LOSS when the key's signature is wrong. A key of type
// kCosignature is checked with its time.
absl::Status VerifyNote(const Note& note, const VerifierKey& key);
// Parses a note and verifies it so.
absl::StatusOr<Note> OpenNote(std::string_view bytes, const VerifierKey& key);
// PERMISSION_DENIED unless `what`, a text that `key` signed, is of the log
// whose key that is.
absl::Status CheckOrigin(std::string_view what, std::string_view origin,
                         const VerifierKey& key);

}  // namespace tongchou::ledger
