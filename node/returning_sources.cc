#include "node/returning_sources.h"

#include <algorithm>

namespace tongchou::node {

void ReturningSources::Submitted(uint64_t source, Clock::time_point now) {
  if (source == 0) return;
  const auto [it, is_new] = sources_.try_emplace(source);
  Source& one = it->second;
  if (one.in_flight++ == 0 && !is_new) one.patience = 2 * (now - one.answered);
}

void ReturningSources::Answered(uint64_t source, Clock::time_point now) {
  if (source == 0) return;
  Source& one = sources_.at(source);
  --one.in_flight;
  one.answered = now;
}

ReturningSources::Expected ReturningSources::Expect(Clock::time_point now) {
  Expected expected;
  absl::erase_if(sources_, [&](const auto& entry) {
    const Source& one = entry.second;
    if (one.in_flight > 0) return false;
    if (now - one.answered > kReturnMax) return true;
    const auto until =
        one.answered + std::min<Clock::duration>(one.patience, kReturnMax);
    if (until > now) {
      ++expected.sources;
      expected.until = std::max(expected.until, until);
    }
    return false;
  });
  return expected;
}

}  // namespace tongchou::node
