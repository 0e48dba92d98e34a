#include "cli/generate/insurance_rows.h"

#include <algorithm>
#include <array>
#include <string>

#include "cli/generate/calibration.h"
#include "cli/generate/days.h"
#include "cli/generate/enrolments.h"
#include "common/base/clock.h"

namespace tongchou::cli {
namespace {

constexpr std::array<std::string_view, 8> kUnitBrands = {
    "赣江", "红星", "井冈", "洪都", "昌盛", "东风", "长青", "鄱湖"};
constexpr std::array<std::string_view, 8> kUnitTrades = {
    "机械", "纺织", "陶瓷", "建材", "食品", "电子", "商贸", "运输"};

struct Difficulty {
  bool recognised = false;
  uint32_t from = 0;
  uint32_t to = 0;
  uint32_t heads = 0;
};

Difficulty DifficultyOf(const CityView& view, uint64_t unit, bool later) {
  Random random = view.For(Stream::kUnit, unit, 1);
  Difficulty found;
  found.heads = static_cast<uint32_t>(8 + random.Below(50));
  found.recognised = random.PerMille(80);
  const uint32_t from = view.RecentDay(random);
  const bool closed = random.PerMille(250);
  if (found.recognised) {
    found.from = from;
    if (closed) found.to = (view.Year() + 1) * 10000 + 1231;
  }
  if (!later) return found;
  Random change = view.For(Stream::kUnitLater, unit);
  const uint32_t day = view.LaterDay(change);
  if (change.PerMille(20)) found.heads += 3;
  if (found.recognised) {
    if (change.PerMille(120)) found.to = day;
  } else if (change.PerMille(10)) {
    found.recognised = true;
    found.from = day;
  }
  return found;
}

bool UnitRow(const CityView& view, uint64_t unit, bool later, CsvRow& row) {
  if (!later && unit >= view.units_at_first()) return false;
  Random random = view.For(Stream::kUnit, unit);
  const uint32_t county = view.County(random);
  const std::string_view brand = kUnitBrands[random.Below(kUnitBrands.size())];
  const std::string_view trade = kUnitTrades[random.Below(kUnitTrades.size())];
  row.Text(view.Number('U', unit).Text());
  row.Text(std::string(brand).append(trade).append("第").append(
               std::to_string(unit + 1)) +
           "有限公司");
  const auto code = MakeCreditCode(random.PerMille(850) ? "91" : "12", county,
                                   view.Organisation(unit));
  if (random.PerMille(920)) {
    row.Text({code.data(), code.size()});
  } else {
    row.Empty();
  }
  row.Number(county);
  row.Text(
      kUnitKinds[random.PerMille(800) ? 0 : random.Below(kUnitKinds.size())]);
  row.Text(kTrades.substr(random.Below(kTrades.size()), 1));
  const Difficulty difficulty = DifficultyOf(view, unit, later);
  row.Number(difficulty.heads).Text(difficulty.recognised ? "1" : "");
  row.Date(difficulty.from).Date(difficulty.to);
  return true;
}

bool PersonRow(const CityView& view, const Resident& resident, bool later,
               CsvRow& row) {
  if (!resident.Exists(later)) return false;
  Random random = view.For(Stream::kPerson, resident.index);
  row.Text(resident.person.Id());
  row.Text(view.Number('P', resident.index).Text());
  row.Text(view.plan().maker.Name(resident.person));
  row.Text(resident.person.male ? "1" : "2").Date(resident.person.birth);
  row.Text(resident.rural ? kRural[random.Below(kRural.size())]
                          : kUrban[random.Below(kUrban.size())]);
  const uint32_t died = resident.Died(later);
  row.Number(resident.County(later)).Empty().Text(died == 0 ? "1" : "2");
  row.Date(died).Date(resident.Retired(later));
  if (random.PerMille(700)) {
    row.Number(10'000'000'000 + random.Below(100'000'000));
  } else {
    row.Empty();
  }
  return true;
}

bool EnrolmentRow(const CityView& view, const Resident& resident,
                  const Enrolment& first, bool later, CsvRow& row) {
  if (!resident.Exists(later)) return false;
  Enrolment enrolment = first;
  if (later && !resident.fresh) {
    Random change = view.For(Stream::kEnrolmentLater, enrolment.stream);
    if (change.PerMille(10)) return false;
    const bool pauses = change.PerMille(8);
    if (pauses && enrolment.status == 1) enrolment.status = 2;
    if (resident.died_later != resident.person.died) {
      enrolment.ended =
          enrolment.status == 4 ? enrolment.ended : resident.died_later;
      enrolment.status = 4;
    }
  }
  row.Text(resident.person.Id()).Text(kSchemes[enrolment.scheme].code);
  row.Text(view.Number('P', resident.index).Text());
  AddUnit(view, resident, enrolment, row);
  row.Number(resident.County(later));
  row.Number(static_cast<uint64_t>(enrolment.status));
  row.Text(enrolment.status == 1 ? "1" : enrolment.status == 2 ? "2" : "3");
  row.Text(resident.Retired(later) == 0 ? "0" : "1");
  row.Text(resident.rural && resident.group == Group::kWorker ? "1" : "0");
  row.Date(enrolment.begun);
  row.Date(enrolment.dated ? enrolment.begun / 100 : 0);
  row.Date(enrolment.ended);
  return true;
}

bool Pays(const Resident& resident, const Enrolment& enrolment) {
  return !resident.fresh && resident.group != Group::kRetired &&
         enrolment.status == 1;
}

struct Settlement {
  const Resident* resident;
  const Enrolment* enrolment;
  uint32_t month = 0;
  std::string_view kind;
  Serial number;
  bool numbered = true;
  uint32_t wage_fen = 0;
  uint32_t base_fen = 0;
  bool unit_share = false;
  int64_t due = 0;
  int64_t paid = 0;
  uint32_t arrived = 0;
};

void AddAmounts(const Settlement& settlement, CsvRow& row) {
  const Scheme& scheme = kSchemes[settlement.enrolment->scheme];
  if (settlement.base_fen == 0) {
    row.Empty().Empty().Empty().Empty();
  } else {
    row.Money(settlement.wage_fen).Money(settlement.base_fen);
    row.Rate(scheme.unit_rate).Rate(scheme.personal_rate);
  }
  if (settlement.unit_share) {
    row.Money(settlement.due).Empty().Money(settlement.paid).Empty();
  } else {
    row.Empty().Money(settlement.due).Empty().Money(settlement.paid);
  }
  row.Date(settlement.arrived);
}

void SettlementRow(const CityView& view, const Settlement& settlement,
                   CsvRow& row) {
  row.Text(settlement.resident->person.Id());
  row.Text(kSchemes[settlement.enrolment->scheme].code);
  row.Date(settlement.month).Date(settlement.month).Text(settlement.kind);
  AddUnit(view, *settlement.resident, *settlement.enrolment, row);
  row.Text(settlement.numbered ? settlement.number.Text() : "");
  row.Number(settlement.resident->county);
  AddAmounts(settlement, row);
}

uint32_t ArrivalDay(const CityView& view, Random& random, uint32_t month) {
  const uint32_t last = month * 100 + static_cast<uint32_t>(base::DaysInMonth(
                                          static_cast<int>(month / 100),
                                          static_cast<int>(month % 100)));
  return view.Day(random, month * 100 + 1,
                  std::min(last, view.plan().first_clock));
}

void SetAmount(Random& random, int64_t part_share, Settlement& settlement) {
  const Scheme& scheme = kSchemes[settlement.enrolment->scheme];
  if (scheme.flat_fen != 0) {
    settlement.due = scheme.flat_fen;
  } else {
    const int64_t rate =
        settlement.unit_share ? scheme.unit_rate : scheme.personal_rate;
    settlement.due = settlement.base_fen * rate / 10000;
  }
  settlement.due = settlement.due * part_share / 100;
  const uint64_t draw = random.Below(100);
  settlement.paid = settlement.due;
  if (draw < 4) settlement.paid = 0;
  if (draw >= 4 && draw < 7) settlement.paid = settlement.due / 2;
  if (settlement.paid == 0) settlement.arrived = 0;
}

void Refund(const CityView& view, Settlement settlement, int part, uint32_t day,
            CsvFile& file, bool on_second_day) {
  settlement.number = view.Number('R', settlement.enrolment->stream, part);
  settlement.numbered = true;
  settlement.due = settlement.paid = -std::max<int64_t>(settlement.due / 5, 1);
  settlement.arrived = day;
  file.Put([&](bool later, CsvRow& row) {
    if (on_second_day && !later) return false;
    SettlementRow(view, settlement, row);
    return true;
  });
}

void Refunds(const CityView& view, const Settlement& settlement, int part,
             CsvFile& file) {
  Random random =
      view.For(Stream::kRefundLater, settlement.enrolment->stream, part);
  if (random.PerMille(12)) {
    const uint32_t day = ArrivalDay(view, random, settlement.month);
    Refund(view, settlement, part, day, file, false);
  } else if (view.plan().later && random.PerMille(12)) {
    Refund(view, settlement, part, view.LaterDay(random), file, true);
  }
}

void PayMonth(const CityView& view, const Resident& resident,
              const Enrolment& enrolment, size_t month, CsvFile& file) {
  const Scheme& scheme = kSchemes[enrolment.scheme];
  Random random = view.For(Stream::kContribution, enrolment.stream, month);
  const uint32_t wage = 60'000 + static_cast<uint32_t>(random.Below(440'000));
  const size_t parts = 3 + random.Below(2);
  const int tag = static_cast<int>(month % 25) * 4;
  Settlement settlement{&resident, &enrolment, view.plan().months[month],
                        kDueNormal, view.Number('S', enrolment.stream, tag)};
  if (HasBase(enrolment)) {
    settlement.wage_fen = wage;
    settlement.base_fen = std::clamp(wage, 92'000u, 460'000u);
  }
  for (size_t part = 0; part < parts; ++part) {
    const int own = tag + static_cast<int>(part);
    settlement.number = view.Number('S', enrolment.stream, own);
    settlement.numbered = part != 0 || !random.PerMille(50);
    settlement.kind = part < 2 ? kDueNormal : kDueBack;
    settlement.unit_share =
        scheme.unit_rate != 0 && (part % 2 == 0 || scheme.personal_rate == 0);
    settlement.arrived = ArrivalDay(view, random, settlement.month);
    SetAmount(random, part < 2 ? 100 : 10, settlement);
    file.PutSame([&](bool, CsvRow& row) {
      SettlementRow(view, settlement, row);
      return true;
    });
    if (part == 0) Refunds(view, settlement, tag, file);
  }
}

bool BenefitRow(const CityView& view, const Resident& resident, size_t month,
                CsvRow& row) {
  const uint32_t of = view.plan().months[month];
  if (resident.retired == 0 || resident.retired / 100 > of) return false;
  if (resident.person.died != 0 && resident.person.died / 100 < of) {
    return false;
  }
  Random random = view.For(Stream::kBenefit, resident.index);
  row.Text(resident.person.Id()).Text(kSchemes[kPension].code);
  row.Date(of).Text(kBasicPension).Number(resident.county);
  row.Money(40'000 + static_cast<int64_t>(random.Below(160'000)));
  row.Text(kByBank);
  return true;
}

}  // namespace

void WriteUnits(const CityView& view, CsvFile& file) {
  for (uint64_t i = 0; i < view.units(); ++i) {
    file.Put(
        [&](bool later, CsvRow& row) { return UnitRow(view, i, later, row); });
  }
}

void WritePersons(const CityView& view, CsvFile& file) {
  for (uint64_t i = 0; i < view.residents(); ++i) {
    const Resident resident = view.At(i);
    file.Put([&](bool later, CsvRow& row) {
      return PersonRow(view, resident, later, row);
    });
  }
}

void WriteEnrolments(const CityView& view, CsvFile& file) {
  for (uint64_t i = 0; i < view.residents(); ++i) {
    const Resident resident = view.At(i);
    const Enrolments enrolments = EnrolmentsOf(view, resident);
    for (size_t k = 0; k < enrolments.count; ++k) {
      file.Put([&](bool later, CsvRow& row) {
        return EnrolmentRow(view, resident, enrolments.all[k], later, row);
      });
    }
  }
}

void WriteContributions(const CityView& view, CsvFile& file) {
  for (uint64_t i = 0; i < view.residents_at_first(); ++i) {
    const Resident resident = view.At(i);
    const Enrolments enrolments = EnrolmentsOf(view, resident);
    for (size_t k = 0; k < enrolments.count; ++k) {
      if (!Pays(resident, enrolments.all[k])) continue;
      for (size_t month = 0; month < view.plan().months.size(); ++month) {
        PayMonth(view, resident, enrolments.all[k], month, file);
      }
    }
  }
}

void WriteBenefits(const CityView& view, CsvFile& file) {
  for (uint64_t i = 0; i < view.residents_at_first(); ++i) {
    const Resident resident = view.At(i);
    if (resident.group != Group::kRetired) continue;
    const Enrolments enrolments = EnrolmentsOf(view, resident);
    for (size_t k = 0; k < enrolments.count; ++k) {
      if (enrolments.all[k].scheme != kPension) continue;
      if (enrolments.all[k].status != 1) continue;
      for (size_t month = 0; month < view.plan().months.size(); ++month) {
        file.PutSame([&](bool, CsvRow& row) {
          return BenefitRow(view, resident, month, row);
        });
      }
    }
  }
}

}  // namespace tongchou::cli
