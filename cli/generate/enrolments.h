// Which schemes a person is enrolled in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "cli/generate/city_view.h"
#include "cli/generate/csv_file.h"

namespace tongchou::cli {

struct Enrolment {
  size_t scheme = 0;
  uint64_t stream = 0;
  uint32_t begun = 0;
  int status = 1;
  bool dated = true;
  uint32_t ended = 0;
};

struct Enrolments {
  std::array<Enrolment, 2> all;
  size_t count = 0;
};

// As they stand on the first day; of a fresh person on the second.
Enrolments EnrolmentsOf(const CityView& view, const Resident& resident);

// Contributions rest on a wage, and come through the unit.
bool HasBase(const Enrolment& enrolment);
// The column AAB001: empty for schemes without a unit.
void AddUnit(const CityView& view, const Resident& resident,
             const Enrolment& enrolment, CsvRow& row);

}  // namespace tongchou::cli
