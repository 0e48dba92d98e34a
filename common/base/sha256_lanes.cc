#include "common/base/sha256_lanes.h"

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
// GCC 12 takes the undefined lanes of its own intrinsics for a mistake of the
// caller (its bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

#include "common/base/status.h"

namespace tongchou::base {

#if defined(__x86_64__)

namespace {

#define TONGCHOU_AVX512 __attribute__((target("avx512f,avx512bw")))

constexpr size_t kBlockBytes = 64;
constexpr size_t kLengthBytes = 8;
constexpr size_t kWords = 16;  // of a block
constexpr size_t kRounds = 64;

// FIPS 180-4, 4.2.2 and 5.3.3.
alignas(64) constexpr uint32_t kRoundConstants[kRounds] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
constexpr uint32_t kInitialState[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372,
                                       0xa54ff53a, 0x510e527f, 0x9b05688c,
                                       0x1f83d9ab, 0x5be0cd19};

// Immediates of vpternlog: x ^ y ^ z, x ? y : z, majority.
constexpr int kXor3 = 0x96;
constexpr int kChoose = 0xca;
constexpr int kMajority = 0xe8;

using Vector = __m512i;

// From row i = sixteen words of message i to row i = word i of all messages.
TONGCHOU_AVX512 void Transpose(Vector (&rows)[kWords]) {
  Vector pairs[kWords];
  for (size_t i = 0; i < kWords; i += 2) {
    pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  Vector quads[kWords];
  for (size_t i = 0; i < kWords; i += 4) {
    quads[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
    quads[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
    quads[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    quads[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
  constexpr int kEven = 0x88;  // 128-bit pieces 0 and 2 of both
  constexpr int kOdd = 0xdd;   // 1 and 3
  for (size_t i = 0; i < 4; ++i) {
    const Vector a = _mm512_shuffle_i32x4(quads[i], quads[i + 4], kEven);
    const Vector b = _mm512_shuffle_i32x4(quads[i], quads[i + 4], kOdd);
    const Vector c = _mm512_shuffle_i32x4(quads[i + 8], quads[i + 12], kEven);
    const Vector d = _mm512_shuffle_i32x4(quads[i + 8], quads[i + 12], kOdd);
    rows[i] = _mm512_shuffle_i32x4(a, c, kEven);
    rows[i + 8] = _mm512_shuffle_i32x4(a, c, kOdd);
    rows[i + 4] = _mm512_shuffle_i32x4(b, d, kEven);
    rows[i + 12] = _mm512_shuffle_i32x4(b, d, kOdd);
  }
}

TONGCHOU_AVX512 void SwapBytes(Vector (&rows)[kWords]) {
  const Vector order = _mm512_broadcast_i32x4(
      _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
  for (Vector& row : rows) row = _mm512_shuffle_epi8(row, order);
}

TONGCHOU_AVX512 inline Vector Xor3(Vector x, Vector y, Vector z) {
  return _mm512_ternarylogic_epi32(x, y, z, kXor3);
}

// The next word of the message schedule in place of word i.
TONGCHOU_AVX512 inline Vector Schedule(const Vector (&words)[kWords],
                                       size_t i) {
  const Vector early = words[(i + 1) % kWords];
  const Vector late = words[(i + 14) % kWords];
  const Vector sigma0 =
      Xor3(_mm512_ror_epi32(early, 7), _mm512_ror_epi32(early, 18),
           _mm512_srli_epi32(early, 3));
  const Vector sigma1 =
      Xor3(_mm512_ror_epi32(late, 17), _mm512_ror_epi32(late, 19),
           _mm512_srli_epi32(late, 10));
  return _mm512_add_epi32(_mm512_add_epi32(words[i % kWords], sigma0),
                          _mm512_add_epi32(words[(i + 9) % kWords], sigma1));
}

// FIPS 180-4, 6.2.2; s[(k - round) mod 8] is the standard's variable k of
// a to h, so that none has to be moved.
TONGCHOU_AVX512 inline void Round(Vector (&s)[8], size_t round, Vector word) {
  const auto at = [round](size_t k) { return (k + kRounds - round) % 8; };
  const Vector a = s[at(0)];
  const Vector e = s[at(4)];
  const Vector sum1 = Xor3(_mm512_ror_epi32(e, 6), _mm512_ror_epi32(e, 11),
                           _mm512_ror_epi32(e, 25));
  const Vector choice =
      _mm512_ternarylogic_epi32(e, s[at(5)], s[at(6)], kChoose);
  const Vector constant =
      _mm512_set1_epi32(static_cast<int>(kRoundConstants[round]));
  const Vector first =
      _mm512_add_epi32(_mm512_add_epi32(_mm512_add_epi32(s[at(7)], sum1),
                                        _mm512_add_epi32(word, constant)),
                       choice);
  const Vector sum0 = Xor3(_mm512_ror_epi32(a, 2), _mm512_ror_epi32(a, 13),
                           _mm512_ror_epi32(a, 22));
  const Vector majority =
      _mm512_ternarylogic_epi32(a, s[at(1)], s[at(2)], kMajority);
  s[at(3)] = _mm512_add_epi32(s[at(3)], first);
  s[at(7)] = _mm512_add_epi32(first, _mm512_add_epi32(sum0, majority));
}

using Blocks = std::array<const char*, kSha256Lanes>;

TONGCHOU_AVX512 void Compress(const Blocks& blocks, Vector (&state)[8]) {
  Vector words[kWords];
  for (size_t i = 0; i < kSha256Lanes; ++i) {
    words[i] = _mm512_loadu_si512(blocks[i]);
  }
  Transpose(words);
  SwapBytes(words);
  Vector s[8];
  for (size_t i = 0; i < 8; ++i) s[i] = state[i];
#pragma GCC unroll 64
  for (size_t round = 0; round < kRounds; ++round) {
    if (round >= kWords) words[round % kWords] = Schedule(words, round);
    Round(s, round, words[round % kWords]);
  }
  for (size_t i = 0; i < 8; ++i) state[i] = _mm512_add_epi32(state[i], s[i]);
}

// What does not fill a block, and the padding (FIPS 180-4, 5.1.1).
struct Tail {
  std::array<char, 2 * kBlockBytes> bytes;

  void Fill(std::string_view message) {
    const size_t rest = message.size() % kBlockBytes;
    const size_t size =
        (Sha256Blocks(message.size()) - message.size() / kBlockBytes) *
        kBlockBytes;
    std::memcpy(bytes.data(), message.data() + message.size() - rest, rest);
    bytes[rest] = static_cast<char>(0x80);
    std::memset(bytes.data() + rest + 1, 0, size - rest - 1);
    const uint64_t bits = __builtin_bswap64(uint64_t{message.size()} * 8);
    std::memcpy(bytes.data() + size - kLengthBytes, &bits, kLengthBytes);
  }
};

TONGCHOU_AVX512 void StoreHashes(
    const Vector (&state)[8], const std::array<Hash*, kSha256Lanes>& hashes) {
  Vector rows[kWords] = {};
  for (size_t i = 0; i < 8; ++i) rows[i] = state[i];
  Transpose(rows);
  SwapBytes(rows);
  for (size_t i = 0; i < kSha256Lanes; ++i) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(hashes[i]->bytes.data()),
                        _mm512_castsi512_si256(rows[i]));
  }
}

}  // namespace

bool HasSha256Lanes() {
  static const bool kHas = __builtin_cpu_supports("avx512f") != 0 &&
                           __builtin_cpu_supports("avx512bw") != 0;
  return kHas;
}

TONGCHOU_AVX512 void Sha256Abreast(
    const std::array<std::string_view, kSha256Lanes>& messages,
    const std::array<Hash*, kSha256Lanes>& hashes) {
  alignas(64) std::array<Tail, kSha256Lanes> tails;
  for (size_t i = 0; i < kSha256Lanes; ++i) tails[i].Fill(messages[i]);
  Vector state[8];
  for (size_t i = 0; i < 8; ++i) {
    state[i] = _mm512_set1_epi32(static_cast<int>(kInitialState[i]));
  }
  const size_t count = Sha256Blocks(messages[0].size());
  for (size_t block = 0; block < count; ++block) {
    Blocks blocks;
    for (size_t i = 0; i < kSha256Lanes; ++i) {
      const size_t whole = messages[i].size() / kBlockBytes;
      blocks[i] = block < whole
                      ? messages[i].data() + block * kBlockBytes
                      : tails[i].bytes.data() + (block - whole) * kBlockBytes;
    }
    Compress(blocks, state);
  }
  StoreHashes(state, hashes);
}

#else

bool HasSha256Lanes() { return false; }

void Sha256Abreast(const std::array<std::string_view, kSha256Lanes>&,
                   const std::array<Hash*, kSha256Lanes>&) {
  TONGCHOU_CHECK(false);
}

#endif

}  // namespace tongchou::base
