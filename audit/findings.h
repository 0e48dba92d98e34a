// What an audit found, and the three ways in which it can end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tongchou::audit {

// Exit status of tongchou-audit.
enum class Verdict {
  kClean = 0,
  kDiscrepancy = 1,    // something is not as it should be; it is named
  kCouldNotCheck = 2,  // no judgement: input missing, unreachable, wrong usage
};

std::string_view VerdictName(Verdict verdict);

struct Finding {
  std::string place;  // "360100 entry 17", "K1.1 city 360100 period 20081031"
  std::string text;   // what is wrong there, in words
};

// Findings beyond this many are counted, not kept.
inline constexpr size_t kFindingsKeptMax = 1'000;

// Not thread-safe.
class Findings {
 public:
  void Add(std::string place, std::string text);
  void Merge(const Findings& other);

  bool empty() const { return count_ == 0; }
  uint64_t count() const { return count_; }
  const std::vector<Finding>& kept() const { return kept_; }

 private:
  uint64_t count_ = 0;
  std::vector<Finding> kept_;
};

}  // namespace tongchou::audit
