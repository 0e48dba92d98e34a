#include "common/ledger/heartbeat.h"

#include <limits>

#include "common/base/status.h"
#include "common/ledger/statement.h"

namespace tongchou::ledger {
namespace {

constexpr std::string_view kFirstLine = "tongchou heartbeat v1";

absl::Status ReadTime(StatementReader* reader, int64_t* time_us) {
  uint64_t number = 0;
  RETURN_IF_ERROR(reader->Number(&number));
  if (number > std::numeric_limits<int64_t>::max()) {
    return reader->Malformed("a time is out of range");
  }
  *time_us = static_cast<int64_t>(number);
  return absl::OkStatus();
}

}  // namespace

std::string FormatHeartbeat(const Heartbeat& heartbeat) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n", kFirstLine, heartbeat.origin,
                     heartbeat.stream_us, heartbeat.committed_size,
                     heartbeat.applied_size, heartbeat.time_us);
}

absl::StatusOr<Heartbeat> ParseHeartbeat(std::string_view text) {
  StatementReader reader("heartbeat", "a size or a time", text);
  Heartbeat heartbeat;
  RETURN_IF_ERROR(reader.Begin(kFirstLine, &heartbeat.origin));
  RETURN_IF_ERROR(ReadTime(&reader, &heartbeat.stream_us));
  RETURN_IF_ERROR(reader.Number(&heartbeat.committed_size));
  RETURN_IF_ERROR(reader.Number(&heartbeat.applied_size));
  RETURN_IF_ERROR(ReadTime(&reader, &heartbeat.time_us));
  RETURN_IF_ERROR(reader.End());
  return heartbeat;
}

std::string SignHeartbeat(const Heartbeat& heartbeat, const Signer& signer) {
  Note note;
  note.text = FormatHeartbeat(heartbeat);
  note.signatures.push_back(signer.SignatureOf(note.text));
  return FormatNote(note);
}

absl::StatusOr<Heartbeat> OpenHeartbeat(std::string_view note_bytes,
                                        const VerifierKey& key) {
  ASSIGN_OR_RETURN(const Note note, OpenNote(note_bytes, key));
  ASSIGN_OR_RETURN(Heartbeat heartbeat, ParseHeartbeat(note.text));
  RETURN_IF_ERROR(CheckOrigin("heartbeat", heartbeat.origin, key));
  return heartbeat;
}

}  // namespace tongchou::ledger
