// Starts: the owner of a log signs which start of its program this is, for
// whoever takes the log over a stream. A signed note, numbers decimal:
//
//   tongchou start v1
//   tongchou/360000/360100      the log's origin
//   7                           the counter: greater than at any start before
//   11400714819323198485        the nonce: tells two programs of one counter
//                               apart
//
// It carries a signature of every key that may be the log's at the other end:
// while the key changes of the old one and the new one. The first line has
// blanks, as that of a heartbeat has, and is another: no start is anything else
// that the key signs, nor the reverse.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/ledger/note.h"
#include "common/ledger/signer.h"

namespace tongchou::ledger {

struct Start {
  std::string origin;
  uint64_t counter = 0;
  uint64_t nonce = 0;

  bool operator==(const Start&) const = default;
};

// The note's text.
std::string FormatStart(const Start& start);
absl::StatusOr<Start> ParseStart(std::string_view text);

// The signed note. The signers are of the start's origin.
std::string SignStart(const Start& start, std::span<const Signer> signers);

// What a note says once the signature of `key`, the log's, is verified. Whether
// it is the newest start is for the caller to see. Errors as OpenHeartbeat.
absl::StatusOr<Start> OpenStart(std::string_view note_bytes,
                                const VerifierKey& key);

}  // namespace tongchou::ledger
