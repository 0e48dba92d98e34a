// SHA-256 of sixteen messages abreast, a message to each 32-bit lane of the
// AVX-512 registers. For common/base/sha256.h, which everybody else uses.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "common/base/sha256.h"

namespace tongchou::base {

inline constexpr size_t kSha256Lanes = 16;

// Whether this processor can; the rest may be called only if it can.
bool HasSha256Lanes();

// Blocks of 64 bytes that a message of so many bytes fills with its padding.
inline constexpr size_t Sha256Blocks(size_t bytes) {
  return bytes / 64 + 1 + (bytes % 64 >= 56);
}

// All messages fill the same number of blocks.
void Sha256Abreast(const std::array<std::string_view, kSha256Lanes>& messages,
                   const std::array<Hash*, kSha256Lanes>& hashes);

}  // namespace tongchou::base
