#include "cli/generate/city_view.h"

#include <algorithm>

#include "cli/generate/days.h"

namespace tongchou::cli {
namespace {

constexpr uint32_t kOwnOfCity = 50;
constexpr uint64_t kPersonsPerUnit = 25;
constexpr uint32_t kOrganisations = 2'000'000;

int RetiringAge(Random& random, bool male) {
  if (male) return 60;
  return random.PerMille(500) ? 55 : 50;
}

uint64_t FreshOf(uint64_t own) { return own / 100; }

}  // namespace

Serial::Serial(uint32_t city, char letter, uint64_t index, int part) {
  uint32_t prefix = city / 100;
  for (size_t i = 4; i > 0; --i, prefix /= 10) {
    text_[i - 1] = static_cast<char>('0' + prefix % 10);
  }
  text_[4] = letter;
  for (size_t i = 13; i > 5; --i, index /= 10) {
    text_[i - 1] = static_cast<char>('0' + index % 10);
  }
  size_ = 13;
  if (part < 0) return;
  text_[size_++] = static_cast<char>('0' + part / 10 % 10);
  text_[size_++] = static_cast<char>('0' + part % 10);
}

CityView::CityView(const Plan& plan, size_t ordinal)
    : plan_(plan), city_(Cities()[ordinal]), ordinal_(ordinal) {
  own_ = plan.shares[ordinal];
  const uint64_t others = plan.persons - own_;
  guests_ = std::min(own_ * 3 / 100, others);
  fresh_ = plan.later ? FreshOf(own_) : 0;
  fresh_first_ = plan.persons;
  for (size_t i = 0; i < ordinal; ++i) {
    first_ += plan.shares[i];
    fresh_first_ += FreshOf(plan.shares[i]);
  }
  units_ = own_ / kPersonsPerUnit + 1;
  fresh_units_ = plan.later ? units_ / 200 : 0;
}

uint64_t CityView::NumberOf(uint64_t index) const {
  if (index < own_) return first_ + index;
  if (index >= own_ + guests_) return fresh_first_ + index - own_ - guests_;
  const uint64_t others = plan_.persons - own_;
  const uint64_t place = (index - own_) * (others / guests_);
  return place < first_ ? place : place + own_;
}

Resident CityView::At(uint64_t index) const {
  Resident resident;
  resident.index = index;
  resident.fresh = index >= residents_at_first();
  resident.person = plan_.maker.At(NumberOf(index));
  if (resident.fresh) resident.person.died = 0;
  Random random = For(Stream::kResident, index);
  resident.county = resident.county_later = County(random);
  resident.unit = random.Below(static_cast<uint32_t>(units_));
  resident.rural = random.PerMille(350);
  resident.died_later = resident.person.died;
  Employ(random, resident);
  resident.retired_later = resident.retired;
  if (plan_.later && !resident.fresh) Change(resident);
  return resident;
}

void CityView::Employ(Random& random, Resident& resident) const {
  const int age = RetiringAge(random, resident.person.male);
  const uint32_t until = std::min(
      plan_.first_clock,
      resident.person.died == 0 ? plan_.first_clock : resident.person.died);
  const uint32_t day = FromSerial(ToSerial(resident.person.birth) +
                                  age * 1461 / 4 + random.Range(0, 60));
  const bool insured = random.PerMille(700);
  if (day > until) {
    resident.group = insured ? Group::kWorker : Group::kOther;
  } else if (insured && !resident.fresh) {
    resident.group = Group::kRetired;
    resident.retired = day;
  }
}

void CityView::Change(Resident& resident) const {
  Random random = For(Stream::kResidentLater, resident.index);
  const bool moves = random.PerMille(20);
  const uint32_t county = County(random);
  const bool dies = random.PerMille(1);
  const bool retires = random.PerMille(3);
  const uint32_t day = LaterDay(random);
  if (resident.person.died != 0) return;
  if (moves) resident.county_later = county;
  if (dies) {
    resident.died_later = day;
  } else if (retires && resident.group == Group::kWorker) {
    resident.retired_later = day;
  }
}

uint32_t CityView::County(Random& random) const {
  if (random.PerMille(kOwnOfCity)) return city_.code;
  return city_
      .counties[random.Below(static_cast<uint32_t>(city_.counties.size()))];
}

uint32_t CityView::Day(Random& random, uint32_t from, uint32_t to) const {
  return FromSerial(random.Range(ToSerial(from), ToSerial(to)));
}

uint32_t CityView::LaterDay(Random& random) const {
  return FromSerial(
      random.Range(ToSerial(plan_.first_clock) + 1, ToSerial(plan_.clock)));
}

uint32_t CityView::RecentDay(Random& random) const {
  const uint32_t first =
      (Year() - (random.PerMille(650) ? 0 : 2)) * 10000 + 101;
  return Day(random, first, plan_.first_clock);
}

uint32_t CityView::Organisation(uint64_t unit) const {
  return 70'000'000 + static_cast<uint32_t>(ordinal_) * kOrganisations +
         static_cast<uint32_t>(unit);
}

}  // namespace tongchou::cli
