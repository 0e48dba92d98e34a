#include "common/ledger/start.h"

#include "common/base/status.h"
#include "common/ledger/statement.h"

namespace tongchou::ledger {
namespace {

constexpr std::string_view kFirstLine = "tongchou start v1";

}  // namespace

std::string FormatStart(const Start& start) {
  return fmt::format("{}\n{}\n{}\n{}\n", kFirstLine, start.origin,
                     start.counter, start.nonce);
}

absl::StatusOr<Start> ParseStart(std::string_view text) {
  StatementReader reader("start", "the counter or the nonce", text);
  Start start;
  RETURN_IF_ERROR(reader.Begin(kFirstLine, &start.origin));
  RETURN_IF_ERROR(reader.Number(&start.counter));
  RETURN_IF_ERROR(reader.Number(&start.nonce));
  RETURN_IF_ERROR(reader.End());
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
