// What every fuzz target has: the entry point that libFuzzer calls, and checks
// that end the process where a property does not hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace tongchou::fuzz {

inline std::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// What TakePiece takes. At most 64 KiB less one.
inline std::string Piece(std::string_view bytes) {
  Require(bytes.size() <= 0xffff, "a piece has its length in two bytes");
  std::string piece;
  piece.push_back(static_cast<char>(bytes.size() & 0xff));
  piece.push_back(static_cast<char>(bytes.size() >> 8 & 0xff));
  return piece.append(bytes);
}

// A piece of the input behind its length (u16 little-endian); empty at the end.
inline std::string_view TakePiece(std::string_view* input) {
  if (input->size() < 2) {
    *input = {};
    return {};
  }
  const size_t wanted = static_cast<uint8_t>((*input)[0]) |
                        static_cast<size_t>(static_cast<uint8_t>((*input)[1]))
                            << 8;
  input->remove_prefix(2);
  const std::string_view piece = input->substr(0, wanted);
  input->remove_prefix(piece.size());
  return piece;
}

}  // namespace tongchou::fuzz
