// A small, fast generator of random numbers (SplitMix64). Every value of the
// generated data comes from a stream of its own, named by seed, city, kind and
// index, so that any record can be made again without those before it.
#pragma once

#include <cstdint>

namespace tongchou::cli {

// What a stream is for. The values are part of what a seed means: append only.
enum class Stream : uint64_t {
  kPerson = 1,
  kName,
  kResident,
  kResidentLater,
  kUnit,
  kUnitLater,
  kEnrolment,
  kEnrolmentLater,
  kContribution,
  kRefundLater,
  kBenefit,
  kFiling,
  kUnemployment,
  kUnemploymentLater,
  kHardship,
  kHardshipLater,
  kFamily,
  kFamilyMember,
  kFamilyMemberLater,
  kRuralWorker,
  kLoan,
  kRepaymentLater,
  kVacancy,
  kSeeker,
  kReferral,
  kDirt,
};

// Not thread-safe; cheap to make and to copy.
class Random {
 public:
  explicit Random(uint64_t state) : state_(state) {}
  Random(uint64_t seed, uint64_t city, Stream stream, uint64_t index,
         uint64_t part = 0)
      : state_(Mix(Mix(Mix(seed + kGolden) ^
                       (city * 64 + static_cast<uint64_t>(stream))) ^
                   (index * kGolden + part))) {}

  uint64_t Next() { return Mix(state_ += kGolden); }
  // 0 to n - 1; n may not be 0.
  uint64_t Below(uint32_t n) { return ((Next() >> 32) * n) >> 32; }
  // Both ends included; the second when they are the wrong way round.
  int64_t Range(int64_t low, int64_t high) {
    if (low >= high) return high;
    return low +
           static_cast<int64_t>(Below(static_cast<uint32_t>(high - low + 1)));
  }
  bool PerMille(uint32_t share) { return Below(1000) < share; }

 private:
  static constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;

  static uint64_t Mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }

  uint64_t state_;
};

}  // namespace tongchou::cli
