#include "audit/last_changes.h"

#include <string>

#include "common/base/big_endian.h"
#include "common/base/hash128.h"
#include "common/base/status.h"

namespace tongchou::audit {
namespace {

constexpr size_t kFieldBytes = 8;
constexpr size_t kChangeBytes = 3 * kFieldBytes;

}  // namespace

uint64_t& LastChanges::Of(std::string_view key) {
  return last_[base::Hash128Of(key)];
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
    const uint64_t high = base::ReadBigEndian(piece.substr(0, kFieldBytes));
    const base::Hash128 key{
        base::ReadBigEndian(piece.substr(kFieldBytes, kFieldBytes)), high};
    last_[key] =
        base::ReadBigEndian(piece.substr(2 * kFieldBytes, kFieldBytes));
  }
  return absl::OkStatus();
}

}  // namespace tongchou::audit
