// SHA-256 (FIPS 180-4) of whole inputs and of streams.
#pragma once

#include <openssl/sha.h>

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tongchou::base {

// A 32-byte hash value.
struct Hash {
  std::array<uint8_t, 32> bytes{};

  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  // `view` must have 32 bytes.
  static Hash FromView(std::string_view view);

  auto operator<=>(const Hash&) const = default;
};

Hash Sha256(std::string_view data);

// The hashes of many messages. Where the processor has AVX-512, sixteen that
// fill the same number of blocks are hashed abreast, in less than half of the
// time that they take one by one.
void Sha256Each(std::span<const std::string_view> messages,
                std::span<Hash> hashes);

// SHA-256 over the concatenation of the parts, without copying them.
class Sha256Stream {
 public:
  Sha256Stream();
  Sha256Stream& Update(std::string_view data);
  Hash Finish();

 private:
  SHA256_CTX context_;
};

std::string HexEncode(std::string_view bytes);

}  // namespace tongchou::base
