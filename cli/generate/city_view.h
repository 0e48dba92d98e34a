// One city of the generated province: its residents and units, and how they
// stand on the first day and later.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "cli/generate/calibration.h"
#include "cli/generate/person_maker.h"
#include "cli/generate/random.h"

namespace tongchou::cli {

// What all cities share. Immutable after MakePlan, so safe from any thread.
struct Plan {
  uint64_t seed = 0;
  uint64_t persons = 0;
  uint32_t first_clock = 0;      // the day of the first delivery
  uint32_t clock = 0;            // the day of this one
  bool later = false;            // this is the second delivery
  std::vector<uint32_t> months;  // of contributions, ascending
  std::vector<uint64_t> shares;  // persons by city
  PersonMaker maker{0, 20000101};
};

enum class Group { kWorker, kRetired, kOther };

struct Resident {
  uint64_t index = 0;  // within the city
  Person person;
  bool fresh = false;  // known only on the second day
  Group group = Group::kOther;
  bool rural = false;
  uint64_t unit = 0;
  uint32_t county = 0;
  uint32_t county_later = 0;
  uint32_t retired = 0;        // day; 0 = not
  uint32_t retired_later = 0;  // the same or a new day
  uint32_t died_later = 0;

  uint32_t County(bool later) const { return later ? county_later : county; }
  uint32_t Retired(bool later) const { return later ? retired_later : retired; }
  uint32_t Died(bool later) const { return later ? died_later : person.died; }
  bool Exists(bool later) const { return later || !fresh; }
  // Retires or dies in the year, so must have a filing from before.
  bool Leaves(bool later, uint32_t year) const {
    return Retired(later) > year * 10000 || Died(later) > year * 10000;
  }
};

// A number that starts with the city and a letter: 3601F00000012.
class Serial {
 public:
  Serial(uint32_t city, char letter, uint64_t index, int part = -1);
  std::string_view Text() const { return {text_.data(), size_}; }

 private:
  std::array<char, 16> text_;
  size_t size_;
};

// Immutable; safe from any thread.
class CityView {
 public:
  CityView(const Plan& plan, size_t ordinal);

  const Plan& plan() const { return plan_; }
  const City& city() const { return city_; }
  // Own people, then people of other cities who are known here too, then those
  // of the second day.
  uint64_t residents() const { return own_ + guests_ + fresh_; }
  uint64_t residents_at_first() const { return own_ + guests_; }
  uint64_t units() const { return units_ + fresh_units_; }
  uint64_t units_at_first() const { return units_; }
  uint64_t families() const { return (own_ + 99) / 100; }
  uint64_t vacancies() const { return (own_ + 49) / 50; }
  Resident At(uint64_t index) const;

  Random For(Stream stream, uint64_t index, uint64_t part = 0) const {
    return Random(plan_.seed, city_.code, stream, index, part);
  }
  // One of the city's counties, seldom the city itself.
  uint32_t County(Random& random) const;
  // A day of the period, both ends included, not after the end.
  uint32_t Day(Random& random, uint32_t from, uint32_t to) const;
  // A day after the first delivery, up to this one.
  uint32_t LaterDay(Random& random) const;
  // A day up to the first delivery; most of them in its year.
  uint32_t RecentDay(Random& random) const;
  uint32_t Year() const { return plan_.first_clock / 10000; }
  Serial Number(char letter, uint64_t index, int part = -1) const {
    return Serial(city_.code, letter, index, part);
  }
  // A number of the unit that no other unit of the province has.
  uint32_t Organisation(uint64_t unit) const;

 private:
  uint64_t NumberOf(uint64_t index) const;
  void Employ(Random& random, Resident& resident) const;
  void Change(Resident& resident) const;

  const Plan& plan_;
  const City& city_;
  size_t ordinal_;
  uint64_t first_ = 0;  // number of the first own person
  uint64_t fresh_first_ = 0;
  uint64_t own_;
  uint64_t guests_;
  uint64_t fresh_;
  uint64_t units_;
  uint64_t fresh_units_;
};

}  // namespace tongchou::cli
