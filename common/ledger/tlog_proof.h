// Offline proofs that an entry is in a log (C2SP tlog-proof):
//
//   c2sp.org/tlog-proof@v1
//   index N
//   base64 hash ...
//   (empty line)
//   checkpoint with its signatures
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/ledger/proof.h"

namespace tongchou::ledger {

struct TlogProof {
  uint64_t index = 0;
  Proof proof;
  std::string checkpoint;  // signed note
};

std::string FormatTlogProof(const TlogProof& proof);
// INVALID_ARGUMENT says what is malformed; a line "extra" is passed over.
absl::StatusOr<TlogProof> ParseTlogProof(std::string_view text);

}  // namespace tongchou::ledger
