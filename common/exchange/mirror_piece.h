// Pieces of the province's own log on their way to its mirror and back: whole
// entries, with a signed head over the end of each piece, so that both ends
// hold nothing that the province did not sign.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/log_store.h"
#include "common/ledger/note.h"
#include "tongchou/v1/exchange.pb.h"

namespace tongchou::exchange {

// Bundle bytes of one piece, unless one bundle alone is larger, or no head is
// known at the end of one that is smaller.
inline constexpr size_t kMirrorBytesTarget = 1 << 20;

// A piece that may be appended behind the head that it was verified against.
struct VerifiedPiece {
  ledger::GroupCommit commit;  // without bundles: a sign of life
  ledger::Checkpoint head;     // over its end, as in commit.checkpoint
};

// DATA_LOSS when the head's signature is wrong, or the entries behind `known`
// are not those of the head; INVALID_ARGUMENT when no such piece can be sent: a
// gap, a repeat, a head over another end, a body that is withheld.
absl::StatusOr<VerifiedPiece> VerifyPiece(const v1::ProvinceLog& piece,
                                          const ledger::LogHead& known,
                                          const ledger::VerifierKey& key);

// The signed note over that end; nothing where there is none.
using HeadOver = std::function<absl::StatusOr<std::optional<std::string>>(
    const ledger::CompactRange& end)>;

// The entries from range->size() on, at most to `to`, and moves the range to
// their end; without entries when there are none. DATA_LOSS when `head_over`
// has nothing at `to`.
absl::StatusOr<v1::ProvinceLog> ReadPiece(const ledger::LogStore& log,
                                          uint64_t to,
                                          const HeadOver& head_over,
                                          ledger::CompactRange* range);

}  // namespace tongchou::exchange
