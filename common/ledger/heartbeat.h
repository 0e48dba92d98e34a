// Heartbeats: the owner of a log signs that it is alive, for whoever takes the
// log over a stream. A signed note with the log's key, all numbers decimal:
//
//   tongchou heartbeat v1
//   tongchou/360000/360100      the log's origin
//   1764355200000000            the stream: when the other end greeted, by its
//                               clock, us since 1970 UTC
//   4711                        entries committed
//   4700                        entries applied, as the other end last told
//   1764355474000000            the owner's clock, us since 1970 UTC
//
// The first line has blanks, the name of a key and so the origin of a log has
// none, and the second line is no size: no heartbeat is a checkpoint or a
// statement about keys, and none of these is a heartbeat.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/ledger/note.h"
#include "common/ledger/signer.h"

namespace tongchou::ledger {

struct Heartbeat {
  std::string origin;
  int64_t stream_us = 0;  // never negative
  uint64_t committed_size = 0;
  uint64_t applied_size = 0;
  int64_t time_us = 0;  // never negative

  bool operator==(const Heartbeat&) const = default;
};

// The note's text.
std::string FormatHeartbeat(const Heartbeat& heartbeat);
absl::StatusOr<Heartbeat> ParseHeartbeat(std::string_view text);

// The signed note. The signer is of the heartbeat's origin.
std::string SignHeartbeat(const Heartbeat& heartbeat, const Signer& signer);

// What a note says once the signature of `key`, the log's, is verified. That it
// is new, and of this stream, is for the caller to see. PERMISSION_DENIED when
// the key did not sign it, or it is of another log; DATA_LOSS when the
// signature is wrong; INVALID_ARGUMENT when it is no heartbeat.
absl::StatusOr<Heartbeat> OpenHeartbeat(std::string_view note_bytes,
                                        const VerifierKey& key);

}  // namespace tongchou::ledger
