#include "common/ledger/note.h"

#include <algorithm>
#include <charconv>

#include "common/base/base64.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/ledger/cosignature.h"

namespace tongchou::ledger {
namespace {

constexpr std::string_view kDash = "\u2014 ";
constexpr size_t kKeyIdBytes = 4;

absl::Status Malformed(std::string_view what) {
  return base::InvalidArgumentError("signed note: {}", what);
}

bool IsControl(char c) { return static_cast<uint8_t>(c) < 0x20 && c != '\n'; }

KeyId KeyIdOf(std::string_view bytes) {
  KeyId id;
  std::copy_n(bytes.begin(), kKeyIdBytes, id.begin());
  return id;
}

absl::StatusOr<NoteSignature> ParseSignature(std::string_view line) {
  if (!line.starts_with(kDash)) return Malformed("a line is no signature");
  line.remove_prefix(kDash.size());
  const size_t blank = line.find(' ');
  if (blank == line.npos) return Malformed("a signature has no name");
  NoteSignature signature;
  signature.name = line.substr(0, blank);
  if (!IsKeyName(signature.name)) return Malformed("a key name is not one");
  const auto bytes = base::Base64Decode(line.substr(blank + 1));
  if (!bytes.has_value() || bytes->size() <= kKeyIdBytes) {
    return Malformed("a signature is not base64 of key id and signature");
  }
  signature.key_id = KeyIdOf(*bytes);
  signature.blob = bytes->substr(kKeyIdBytes);
  return signature;
}

absl::Status AddSignature(std::string_view line, Note* note) {
  ASSIGN_OR_RETURN(NoteSignature signature, ParseSignature(line));
  for (const NoteSignature& other : note->signatures) {
    if (other.name == signature.name && other.key_id == signature.key_id) {
      return Malformed("a key signed twice");
    }
  }
  if (note->signatures.size() == kNoteSignaturesMax) {
    return Malformed("too many signatures");
  }
  note->signatures.push_back(std::move(signature));
  return absl::OkStatus();
}

std::string HexOf(const KeyId& id) {
  return base::HexEncode({reinterpret_cast<const char*>(id.data()), id.size()});
}

}  // namespace

KeyId MakeKeyId(std::string_view name, KeyType type,
                std::string_view public_key) {
  const char tail[] = {'\n', static_cast<char>(type)};
  const base::Hash hash = base::Sha256Stream()
                              .Update(name)
                              .Update({tail, sizeof(tail)})
                              .Update(public_key)
                              .Finish();
  return KeyIdOf(hash.view());
}

bool IsKeyName(std::string_view name) {
  return !name.empty() &&
         std::none_of(name.begin(), name.end(),
                      [](char c) {
                        return c == '+' || c == ' ' || c == 0x7f ||
                               IsControl(c) || c == '\n';
                      }) &&
         name.find("\u3000") == name.npos && name.find("\u00a0") == name.npos;
}

std::string VerifierKey::ToText() const {
  std::string bytes(1, static_cast<char>(type));
  bytes += public_key;
  return fmt::format("{}+{}+{}", name, HexOf(id()), base::Base64Encode(bytes));
}

absl::StatusOr<VerifierKey> ParseVerifierKey(std::string_view text) {
  const size_t first = text.find('+');
  const size_t second = text.find('+', first + 1);
  if (first == text.npos || second == text.npos) {
    return base::InvalidArgumentError("verifier key: '{}' is not name+id+key",
                                      text);
  }
  const auto bytes = base::Base64Decode(text.substr(second + 1));
  if (!bytes.has_value() || bytes->size() != 33 ||
      ((*bytes)[0] != 0x01 && (*bytes)[0] != 0x04)) {
    return base::InvalidArgumentError(
        "verifier key: '{}' has no Ed25519 key of type 1 or 4", text);
  }
  VerifierKey key;
  key.name = text.substr(0, first);
  key.type = static_cast<KeyType>((*bytes)[0]);
  key.public_key = bytes->substr(1);
  if (!IsKeyName(key.name)) {
    return base::InvalidArgumentError("verifier key: '{}' is no key name",
                                      key.name);
  }
  if (HexOf(key.id()) != text.substr(first + 1, second - first - 1)) {
    return base::InvalidArgumentError(
        "verifier key: the id in '{}' is not that of its name and key", text);
  }
  return key;
}

absl::StatusOr<Note> ParseNote(std::string_view bytes) {
  if (bytes.size() > kNoteBytesMax) return Malformed("too long");
  if (std::any_of(bytes.begin(), bytes.end(), IsControl)) {
    return Malformed("control characters");
  }
  const size_t split = bytes.rfind("\n\n");
  if (split == bytes.npos) return Malformed("no signatures");
  Note note;
  note.text = bytes.substr(0, split + 1);
  std::string_view rest = bytes.substr(split + 2);
  if (rest.empty()) return Malformed("no signatures");
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    if (end == rest.npos) return Malformed("the last line has no end");
    RETURN_IF_ERROR(AddSignature(rest.substr(0, end), &note));
    rest.remove_prefix(end + 1);
  }
  return note;
}

std::string FormatNote(const Note& note) {
  std::string bytes = note.text + "\n";
  for (const NoteSignature& signature : note.signatures) {
    std::string blob(signature.key_id.begin(), signature.key_id.end());
    blob += signature.blob;
    bytes += fmt::format("{}{} {}\n", kDash, signature.name,
                         base::Base64Encode(blob));
  }
  return bytes;
}

bool TakeLine(std::string_view* text, std::string_view* line) {
  const size_t end = text->find('\n');
  if (end == text->npos) return false;
  *line = text->substr(0, end);
  text->remove_prefix(end + 1);
  return true;
}

bool ParseDecimal(std::string_view text, uint64_t* number) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *number);
  return error == std::errc() && stop == end;
}

absl::Status VerifyNote(const Note& note, const VerifierKey& key) {
  ASSIGN_OR_RETURN(const auto public_key,
                   base::Ed25519PublicKey::FromBytes(key.public_key));
  const KeyId id = key.id();
  for (const NoteSignature& signature : note.signatures) {
    if (signature.name != key.name || signature.key_id != id) continue;
    const bool right =
        key.type == KeyType::kEd25519
            ? public_key.Verify(note.text, signature.blob)
            : VerifyCosignatureBlob(note.text, signature.blob, public_key);
    if (right) return absl::OkStatus();
    return base::DataLossError("the signature of {} is wrong", key.name);
  }
  return base::PermissionDeniedError("there is no signature of {}",
                                     key.ToText());
}

absl::StatusOr<Note> OpenNote(std::string_view bytes, const VerifierKey& key) {
  ASSIGN_OR_RETURN(Note note, ParseNote(bytes));
  RETURN_IF_ERROR(VerifyNote(note, key));
  return note;
}

absl::Status CheckOrigin(std::string_view what, std::string_view origin,
                         const VerifierKey& key) {
  if (origin == key.name) return absl::OkStatus();
  return base::PermissionDeniedError("the {} is of {}, signed by the key of {}",
                                     what, origin, key.name);
}

}  // namespace tongchou::ledger
