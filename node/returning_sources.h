// Clients that come back with the next write as soon as one is answered, and
// how long they take for it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"

namespace tongchou::node {

// Who takes longer than this does not count as coming back.
inline constexpr auto kReturnMax = std::chrono::milliseconds(20);

// Not thread-safe.
class ReturningSources {
 public:
  using Clock = std::chrono::steady_clock;

  // `source` tells clients apart; 0 = not known, not counted.
  void Submitted(uint64_t source, Clock::time_point now);
  // Once for everything submitted.
  void Answered(uint64_t source, Clock::time_point now);

  struct Expected {
    size_t sources = 0;
    Clock::time_point until;  // none later
  };
  // Who should be back within twice the time that they took before. Forgets
  // those who are late.
  Expected Expect(Clock::time_point now);

 private:
  struct Source {
    size_t in_flight = 0;
    Clock::time_point answered;
    Clock::duration patience{};  // none before the first return
  };

  absl::flat_hash_map<uint64_t, Source> sources_;
};

}  // namespace tongchou::node
