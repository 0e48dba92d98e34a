// Administrative divisions of the province (GB/T 2260, state of 2023-06-30)
// and the codes that were retired since 1980.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

namespace tongchou::records {

enum class DivisionLevel { kProvince, kCity, kCounty };

struct Division {
  uint32_t code = 0;
  std::string name_zh;
  std::string name_en;
  DivisionLevel level = DivisionLevel::kCounty;
  uint32_t parent = 0;
};

// Immutable, safe from any thread.
class Divisions {
 public:
  static const Divisions& Get();

  // Null when the code is not in force.
  const Division* Find(uint32_t code) const;
  // In force or retired.
  bool WasEverIssued(uint32_t code) const;
  // Itself when in force, the successor of a retired one, 0 when unknown.
  uint32_t CurrentCode(uint32_t code) const;
  // Whether a node of `city` may hold records of `division`: the city itself,
  // its counties in force or retired; 360000: itself and every county.
  bool BelongsTo(uint32_t division, uint32_t city) const;
  const std::vector<Division>& all() const { return divisions_; }

  // "360100", "3601", "南昌" or "南昌市". INVALID_ARGUMENT when there is no
  // such city; 360000 and 省本级 are the province's own level.
  absl::StatusOr<uint32_t> ParseCity(std::string_view text) const;
  // Name for people; the digits when unknown.
  std::string Name(uint32_t code) const;

 private:
  Divisions();
  std::vector<Division> divisions_;
  absl::flat_hash_map<uint32_t, size_t> by_code_;
  absl::flat_hash_map<uint32_t, uint32_t> successors_;
};

inline constexpr uint32_t kProvinceDivision = 360'000;

}  // namespace tongchou::records
