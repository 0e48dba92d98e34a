// Random bytes of the operating system, good enough for keys and salts.
#pragma once

#include <cstdint>
#include <string>

namespace tongchou::base {

std::string RandomBytes(size_t count);
uint64_t RandomNumber();

}  // namespace tongchou::base
