#include "audit/last_changes.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string>

#include "common/base/big_endian.h"
#include "common/base/status.h"

namespace tongchou::audit {
namespace {

constexpr size_t kFieldBytes = 8;
constexpr size_t kChangeBytes = 3 * kFieldBytes;

}  // namespace

uint64_t& LastChanges::Of(std::string_view key) {
  const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
  return last_[{hash.high64, hash.low64}];
}

absl::Status LastChanges::Encode(
    const std::function<absl::Status(std::string_view)>& take) const {
  std::string piece;
  for (const auto& [key, change] : last_) {
    base::AppendBigEndian<kFieldBytes>(key.high, &piece);
    base::AppendBigEndian<kFieldBytes>(key.low, &piece);
    base::AppendBigEndian<kFieldBytes>(change, &piece);
    if (piece.size() < kLastChangesPieceBytes) continue;
    RETURN_IF_ERROR(take(piece));
    piece.clear();
  }
  return piece.empty() ? absl::OkStatus() : take(piece);
}

absl::Status LastChanges::Decode(std::string_view piece) {
  if (piece.size() % kChangeBytes != 0) {
    return base::DataLossError("a list of changes has {} bytes", piece.size());
  }
  for (; !piece.empty(); piece.remove_prefix(kChangeBytes)) {
    const KeyHash key{
        base::ReadBigEndian(piece.substr(0, kFieldBytes)),
        base::ReadBigEndian(piece.substr(kFieldBytes, kFieldBytes))};
    last_[key] =
        base::ReadBigEndian(piece.substr(2 * kFieldBytes, kFieldBytes));
  }
  return absl::OkStatus();
}

}  // namespace tongchou::audit
