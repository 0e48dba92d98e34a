// The newest change of every record of a log, for the links to the previous
// change: 24 bytes each, by a hash of the key.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "common/base/hash128.h"

namespace tongchou::audit {

// Longest piece that Encode hands out.
inline constexpr size_t kLastChangesPieceBytes = 24 << 15;

// Not thread-safe.
class LastChanges {
 public:
  // The change of this record, counted from 1; 0 = none so far.
  uint64_t& Of(std::string_view key);
  size_t size() const { return last_.size(); }

  // As bytes, in pieces: key hash (16), change (u64 big-endian) each. Stops at
  // the first error, which is returned.
  absl::Status Encode(
      const std::function<absl::Status(std::string_view)>& take) const;
  // Adds a piece. DATA_LOSS unless Encode wrote it.
  absl::Status Decode(std::string_view piece);

 private:
  absl::flat_hash_map<base::Hash128, uint64_t> last_;
};

}  // namespace tongchou::audit
