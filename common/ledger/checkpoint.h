// Checkpoints (C2SP tlog-checkpoint v1.0.0): a log's signed statement "I have
// n entries and this root". No extension lines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/sha256.h"
#include "common/ledger/note.h"

namespace tongchou::ledger {

inline constexpr size_t kOriginBytesMax = 255;

struct Checkpoint {
  std::string origin;
  uint64_t size = 0;
  base::Hash root;

  bool operator==(const Checkpoint&) const = default;
};

// The note's text.
std::string FormatCheckpoint(const Checkpoint& checkpoint);
// INVALID_ARGUMENT on extension lines too.
absl::StatusOr<Checkpoint> ParseCheckpoint(std::string_view text);

// What a note says that was verified before: its signatures are not looked at.
absl::StatusOr<Checkpoint> ReadCheckpoint(std::string_view note_bytes);

// Parses the note, verifies the signature of `key` (the log's), and that the
// key's name is the origin.
absl::StatusOr<Checkpoint> OpenCheckpoint(std::string_view note_bytes,
                                          const VerifierKey& key);

// tongchou/360000/360100
std::string CityOrigin(std::string_view province, uint32_t city);

}  // namespace tongchou::ledger
