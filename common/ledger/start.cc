#include "common/ledger/start.h"

#include "common/base/status.h"

namespace tongchou::ledger {
namespace {

constexpr std::string_view kFirstLine = "tongchou start v1";

absl::Status Malformed(std::string_view what) {
  return base::InvalidArgumentError("start: {}", what);
}

absl::Status TakeNumber(std::string_view* text, uint64_t* number) {
  std::string_view line;
  if (TakeLine(text, &line) && ParseDecimal(line, number)) {
    return absl::OkStatus();
  }
  return Malformed("the counter or the nonce is missing, or no decimal number");
}

}  // namespace

std::string FormatStart(const Start& start) {
  return fmt::format("{}\n{}\n{}\n{}\n", kFirstLine, start.origin,
                     start.counter, start.nonce);
}

absl::StatusOr<Start> ParseStart(std::string_view text) {
  std::string_view first, origin;
  if (!TakeLine(&text, &first) || first != kFirstLine) {
    return Malformed("another first line");
  }
  if (!TakeLine(&text, &origin)) return Malformed("no origin");
  Start start;
  start.origin = origin;
  RETURN_IF_ERROR(TakeNumber(&text, &start.counter));
  RETURN_IF_ERROR(TakeNumber(&text, &start.nonce));
  if (!text.empty()) return Malformed("more lines than it has");
  return start;
}

std::string SignStart(const Start& start, std::span<const Signer> signers) {
  Note note;
  note.text = FormatStart(start);
  for (const Signer& signer : signers) {
    note.signatures.push_back(signer.SignatureOf(note.text));
  }
  return FormatNote(note);
}

absl::StatusOr<Start> OpenStart(std::string_view note_bytes,
                                const VerifierKey& key) {
  ASSIGN_OR_RETURN(const Note note, OpenNote(note_bytes, key));
  ASSIGN_OR_RETURN(Start start, ParseStart(note.text));
  RETURN_IF_ERROR(CheckOrigin("start", start.origin, key));
  return start;
}

}  // namespace tongchou::ledger
