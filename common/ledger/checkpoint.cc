#include "common/ledger/checkpoint.h"

#include "common/base/base64.h"
#include "common/base/status.h"

namespace tongchou::ledger {
namespace {

absl::Status Malformed(std::string_view what) {
  return base::InvalidArgumentError("checkpoint: {}", what);
}

}  // namespace

std::string FormatCheckpoint(const Checkpoint& checkpoint) {
  return fmt::format("{}\n{}\n{}\n", checkpoint.origin, checkpoint.size,
                     base::Base64Encode(checkpoint.root.view()));
}

absl::StatusOr<Checkpoint> ParseCheckpoint(std::string_view text) {
  std::string_view origin, size, root;
  if (!TakeLine(&text, &origin) || !TakeLine(&text, &size) ||
      !TakeLine(&text, &root)) {
    return Malformed("it has fewer than three lines");
  }
  if (!text.empty()) return Malformed("extension lines are not accepted");
  if (origin.empty() || origin.size() > kOriginBytesMax) {
    return Malformed("the origin is empty or too long");
  }
  Checkpoint checkpoint;
  checkpoint.origin = origin;
  if (!ParseDecimal(size, &checkpoint.size))
    return Malformed("no decimal size");
  const auto hash = base::Base64Decode(root);
  if (!hash.has_value() || hash->size() != checkpoint.root.bytes.size()) {
    return Malformed("the root is not 32 bytes in base64");
  }
  checkpoint.root = base::Hash::FromView(*hash);
  return checkpoint;
}

absl::StatusOr<Checkpoint> ReadCheckpoint(std::string_view note_bytes) {
  ASSIGN_OR_RETURN(const Note note, ParseNote(note_bytes));
  return ParseCheckpoint(note.text);
}

absl::StatusOr<Checkpoint> OpenCheckpoint(std::string_view note_bytes,
                                          const VerifierKey& key) {
  ASSIGN_OR_RETURN(const Note note, OpenNote(note_bytes, key));
  ASSIGN_OR_RETURN(Checkpoint checkpoint, ParseCheckpoint(note.text));
  RETURN_IF_ERROR(CheckOrigin("checkpoint", checkpoint.origin, key));
  return checkpoint;
}

std::string CityOrigin(std::string_view province, uint32_t city) {
  return fmt::format("tongchou/{}/{:06}", province, city);
}

}  // namespace tongchou::ledger
