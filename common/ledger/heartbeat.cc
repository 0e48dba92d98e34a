#include "common/ledger/heartbeat.h"

#include <limits>

#include "common/base/status.h"

namespace tongchou::ledger {
namespace {

constexpr std::string_view kFirstLine = "tongchou heartbeat v1";

absl::Status Malformed(std::string_view what) {
  return base::InvalidArgumentError("heartbeat: {}", what);
}

absl::Status TakeNumber(std::string_view* text, uint64_t* number) {
  std::string_view line;
  if (TakeLine(text, &line) && ParseDecimal(line, number)) {
    return absl::OkStatus();
  }
  return Malformed("a size or a time is missing, or no decimal number");
}

absl::Status TakeTime(std::string_view* text, int64_t* time_us) {
  uint64_t number = 0;
  RETURN_IF_ERROR(TakeNumber(text, &number));
  if (number > std::numeric_limits<int64_t>::max()) {
    return Malformed("a time is out of range");
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
  std::string_view first, origin;
  if (!TakeLine(&text, &first) || first != kFirstLine) {
    return Malformed("another first line");
  }
  if (!TakeLine(&text, &origin)) return Malformed("no origin");
  Heartbeat heartbeat;
  heartbeat.origin = origin;
  RETURN_IF_ERROR(TakeTime(&text, &heartbeat.stream_us));
  RETURN_IF_ERROR(TakeNumber(&text, &heartbeat.committed_size));
  RETURN_IF_ERROR(TakeNumber(&text, &heartbeat.applied_size));
  RETURN_IF_ERROR(TakeTime(&text, &heartbeat.time_us));
  if (!text.empty()) return Malformed("more lines than it has");
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
