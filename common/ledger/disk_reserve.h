#pragma once

#include <cstdint>

namespace tongchou::ledger {

// Bytes of the disk that a log or journal leaves free: below, it refuses to
// write, so that a full disk is met here and not in the middle of RocksDB.
inline constexpr uint64_t kDiskReserveBytes = 64 << 20;

}  // namespace tongchou::ledger
