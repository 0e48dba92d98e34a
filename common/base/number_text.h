// Numbers for people.
#pragma once

#include <cstdint>
#include <string>

namespace tongchou::base {

std::string WithCommas(int64_t number);  // -1,234,567

}  // namespace tongchou::base
