// What one city's records contribute to the figures, by a plain scan.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "audit/figures.h"

namespace tongchou::audit {

// The record behind an emission; lives as long as the scanned records.
using Source = const RecordMap::value_type*;

// Asks for the records behind one figure.
struct TraceRequest {
  FigureName figure;
  // (city, record), in the order in which they were met, some more than once.
  std::vector<std::pair<uint32_t, Source>> found;
};

struct Place {
  uint32_t city = 0;
  uint32_t county = 0;
};

// Contributions of all cities, cells and persons numbered as they appear.
class Emissions {
 public:
  uint32_t PersonOf(std::string_view person_key);

  // One person at county, city and (once) province.
  void AddPerson(std::string_view id, Place place, std::string_view insurance,
                 uint32_t period, uint32_t person);
  // An amount at county and city.
  void AddAmount(std::string_view id, Place place, std::string_view insurance,
                 uint32_t period, int64_t amount);

  // What is emitted next comes from these records (null = none).
  void From(Source first, Source second = nullptr) {
    sources_ = {first, second};
  }
  // Null: nothing is traced.
  TraceRequest* trace = nullptr;

  std::vector<FigureName> cells;
  // Who was met in each cell, as often as met.
  std::vector<std::vector<uint32_t>> persons;
  absl::flat_hash_map<uint32_t, int64_t> sums;

 private:
  struct CellKey {
    std::string_view id;  // literals
    uint32_t city;
    uint32_t county;
    uint32_t insurance;  // digits as a number
    uint32_t period;
    bool once;
    auto operator<=>(const CellKey&) const = default;
    template <typename H>
    friend H AbslHashValue(H state, const CellKey& key) {
      return H::combine(std::move(state), key.id.size(), key.id.back(),
                        key.id[1], key.city, key.county, key.insurance,
                        key.period, key.once);
    }
  };
  void Trace(std::string_view id, Place place, std::string_view insurance,
             uint32_t period);
  uint32_t CellOf(std::string_view id, Place place, std::string_view insurance,
                  uint32_t period, bool once);

  std::array<Source, 2> sources_ = {};
  absl::flat_hash_map<CellKey, uint32_t> cell_numbers_;
  absl::flat_hash_map<std::string, uint32_t> person_numbers_;
};

void ScanCity(const RecordSet& records, uint32_t as_of, uint32_t on,
              Emissions* emissions);

}  // namespace tongchou::audit
