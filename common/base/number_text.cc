#include "common/base/number_text.h"

namespace tongchou::base {

std::string WithCommas(int64_t number) {
  std::string text = std::to_string(number);
  const size_t sign = number < 0 ? 1 : 0;
  for (size_t end = text.size(); end > sign + 3; end -= 3) {
    text.insert(end - 3, 1, ',');
  }
  return text;
}

}  // namespace tongchou::base
