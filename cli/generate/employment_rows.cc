#include "cli/generate/employment_rows.h"

#include <algorithm>
#include <array>
#include <optional>

#include "cli/generate/calibration.h"
#include "cli/generate/days.h"

namespace tongchou::cli {
namespace {

constexpr int kMembersPerFamily = 3;
constexpr int kRepaymentDays = 90;
constexpr std::array<std::string_view, 5> kOccupations = {"101", "203", "401",
                                                          "409", "613"};

template <typename Visit>
void ForResidents(const CityView& view, const Visit& visit) {
  for (uint64_t i = 0; i < view.residents(); ++i) visit(view.At(i));
}

bool OfWorkingAge(const Resident& resident) {
  return resident.group != Group::kRetired && resident.person.died == 0;
}

uint32_t FilingDay(const CityView& view, const Resident& resident, bool leaves,
                   Random& random) {
  const uint32_t recent = view.RecentDay(random);
  if (resident.fresh) return view.LaterDay(random);
  if (!leaves) return recent;
  return view.Day(random, (view.Year() - 8) * 10000 + 101,
                  (view.Year() - 1) * 10000 + 1231);
}

bool FilingRow(const CityView& view, const Resident& resident, bool later,
               CsvRow& row) {
  if (!resident.Exists(later)) return false;
  Random random = view.For(Stream::kFiling, resident.index);
  const bool filed = random.PerMille(280) && OfWorkingAge(resident);
  const bool leaves = resident.Leaves(false, view.Year());
  if (!filed && !resident.Leaves(later, view.Year())) return false;
  const uint32_t day = FilingDay(view, resident, leaves || !filed, random);
  row.Text(view.Number('F', resident.index).Text());
  row.Text(resident.person.Id());
  row.Text(view.Number('U', resident.unit).Text());
  row.Number(resident.county).Date(day);
  row.Number(1 + random.Below(kFilingKinds));
  const bool ended = random.PerMille(80) && !resident.fresh;
  const uint32_t end = view.Day(random, day, view.plan().first_clock);
  row.Date(ended ? end : 0);
  return true;
}

uint32_t FoundWork(const CityView& view, Random& random, Random later_random,
                   uint32_t since, bool later) {
  const uint32_t first = view.Day(random, since, view.plan().first_clock);
  if (random.PerMille(550)) return first;
  if (later && later_random.PerMille(150)) return view.LaterDay(later_random);
  return 0;
}

bool UnemploymentRow(const CityView& view, const Resident& resident, bool later,
                     CsvRow& row) {
  Random random = view.For(Stream::kUnemployment, resident.index);
  if (!random.PerMille(60) || !OfWorkingAge(resident)) return false;
  if (!resident.Exists(later)) return false;
  const uint32_t lost = view.RecentDay(random);
  const uint32_t day = view.Day(
      random, lost,
      std::min(FromSerial(ToSerial(lost) + 30), view.plan().first_clock));
  row.Text(view.Number('N', resident.index).Text());
  row.Text(resident.person.Id()).Number(resident.county).Date(lost);
  row.Text(kJoblessCauses[random.Below(kJoblessCauses.size())]).Date(day);
  const uint32_t found = FoundWork(
      view, random, view.For(Stream::kUnemploymentLater, resident.index), day,
      later);
  row.Date(found).Text(found == 0 ? "" : "1");
  return true;
}

bool HardshipRow(const CityView& view, const Resident& resident, bool later,
                 CsvRow& row) {
  Random random = view.For(Stream::kHardship, resident.index);
  if (!random.PerMille(35) || !OfWorkingAge(resident)) return false;
  if (!resident.Exists(later)) return false;
  const uint32_t since = view.RecentDay(random);
  row.Text(resident.person.Id());
  row.Text(kHardships[random.Below(kHardships.size())]);
  row.Number(resident.county).Empty();
  const uint32_t found =
      FoundWork(view, random, view.For(Stream::kHardshipLater, resident.index),
                since, later);
  row.Date(found).Text(found == 0 ? "" : "1");
  return true;
}

struct Family {
  uint32_t county;
  uint32_t recognised;
  bool zero_employment;
  uint32_t ended;
  bool placing;
};

Family FamilyOf(const CityView& view, uint64_t index) {
  Random random = view.For(Stream::kFamily, index);
  Family family;
  family.county = view.County(random);
  family.recognised = view.RecentDay(random);
  family.zero_employment = random.PerMille(950);
  const bool ended = random.PerMille(100);
  const uint32_t day =
      view.Day(random, family.recognised, view.plan().first_clock);
  family.ended = ended ? day : 0;
  family.placing = random.PerMille(450);
  return family;
}

bool FamilyRow(const CityView& view, uint64_t index, CsvRow& row) {
  const Family family = FamilyOf(view, index);
  row.Text(view.Number('Z', index).Text()).Empty().Empty();
  row.Number(family.county).Date(family.recognised).Empty();
  row.Text(family.zero_employment ? "1" : "0").Date(family.ended);
  return true;
}

bool MemberRow(const CityView& view, uint64_t index, uint64_t member,
               const Resident& resident, bool later, CsvRow& row) {
  const Family family = FamilyOf(view, index);
  Random random = view.For(Stream::kFamilyMember, index, member);
  Random change = view.For(Stream::kFamilyMemberLater, index, member);
  const uint32_t day =
      view.Day(random, family.recognised, view.plan().first_clock);
  const uint64_t how = 1 + random.Below(kPlacements);
  const bool placed = random.PerMille(600) && family.placing;
  row.Text(view.Number('Z', index).Text()).Text(resident.person.Id()).Empty();
  if (placed) {
    row.Number(how).Date(day);
  } else if (later && change.PerMille(120)) {
    row.Number(how).Date(view.LaterDay(change));
  } else {
    row.Empty().Empty();
  }
  return true;
}

bool RuralWorkerRow(const CityView& view, const Resident& resident,
                    uint32_t spell, bool later, CsvRow& row) {
  Random random = view.For(Stream::kRuralWorker, resident.index);
  if (!resident.rural || !random.PerMille(350)) return false;
  if (!OfWorkingAge(resident) || !resident.Exists(later)) return false;
  const bool twice = random.PerMille(100);
  if (spell == 1 && !twice) return false;
  uint32_t day = view.RecentDay(random);
  uint64_t place = 1 + random.Below(kOutworkPlaces);
  uint32_t ended = 0;
  if (spell == 1) {
    ended = FromSerial(ToSerial(day) - 30);
    day = FromSerial(ToSerial(day) - 400);
    place = 1 + random.Below(kOutworkPlaces);
  }
  row.Text(resident.person.Id()).Date(day).Number(resident.county).Empty();
  row.Number(place).Date(ended);
  return true;
}

struct Loan {
  uint32_t granted;
  int64_t amount;
  uint64_t jobs;
  uint64_t repayments;
};

std::optional<Loan> LoanOf(const CityView& view, const Resident& resident) {
  Random random = view.For(Stream::kLoan, resident.index);
  if (!random.PerMille(25) || !OfWorkingAge(resident)) return std::nullopt;
  Loan loan;
  loan.granted =
      resident.fresh ? view.LaterDay(random) : view.RecentDay(random);
  loan.amount = 1'000'000 + static_cast<int64_t>(random.Below(9)) * 500'000;
  loan.jobs = 1 + random.Below(8);
  loan.repayments = resident.fresh ? 0 : random.Below(7);
  return loan;
}

bool LoanRow(const CityView& view, const Resident& resident, bool later,
             CsvRow& row) {
  if (!resident.Exists(later)) return false;
  const std::optional<Loan> loan = LoanOf(view, resident);
  if (!loan.has_value()) return false;
  row.Text(view.Number('L', resident.index).Text());
  row.Text(resident.person.Id()).Number(resident.county).Money(loan->amount);
  row.Date(loan->granted);
  row.Date(FromSerial(ToSerial(loan->granted) + 730));
  row.Number(loan->jobs).Empty();
  return true;
}

void RepaymentRow(const CityView& view, const Resident& resident, uint32_t day,
                  int64_t amount, CsvRow& row) {
  row.Text(view.Number('L', resident.index).Text()).Date(day).Money(amount);
}

void Repayments(const CityView& view, const Resident& resident,
                const Loan& loan, CsvFile& file) {
  const int64_t instalment = loan.amount / 10;
  uint32_t day = loan.granted;
  for (uint64_t i = 0; i < loan.repayments; ++i) {
    day = FromSerial(ToSerial(day) + kRepaymentDays);
    if (day > view.plan().first_clock) break;
    file.PutSame([&](bool, CsvRow& row) {
      RepaymentRow(view, resident, day, instalment, row);
      return true;
    });
  }
  if (!view.plan().later || resident.fresh) return;
  Random change = view.For(Stream::kRepaymentLater, resident.index);
  if (!change.PerMille(200)) return;
  const uint32_t new_day = view.LaterDay(change);
  file.Put([&](bool later, CsvRow& row) {
    if (!later) return false;
    RepaymentRow(view, resident, new_day, instalment, row);
    return true;
  });
}

bool VacancyRow(const CityView& view, uint64_t index, CsvRow& row) {
  Random random = view.For(Stream::kVacancy, index);
  const uint64_t unit =
      random.Below(static_cast<uint32_t>(view.units_at_first()));
  row.Text(view.Number('V', index).Text());
  row.Text(view.Number('U', unit).Text()).Number(view.County(random));
  row.Text(kOccupations[random.Below(kOccupations.size())]);
  row.Number(1 + random.Below(9)).Empty();
  const uint32_t day = view.RecentDay(random);
  row.Date(day);
  row.Date(random.PerMille(400) ? FromSerial(ToSerial(day) + 60) : 0);
  return true;
}

bool Seeks(const CityView& view, const Resident& resident) {
  Random random = view.For(Stream::kSeeker, resident.index);
  return random.PerMille(55) && OfWorkingAge(resident);
}

bool SeekerRow(const CityView& view, const Resident& resident, bool later,
               CsvRow& row) {
  if (!resident.Exists(later) || !Seeks(view, resident)) return false;
  Random random = view.For(Stream::kSeeker, resident.index, 1);
  const uint32_t day =
      resident.fresh ? view.LaterDay(random) : view.RecentDay(random);
  row.Text(view.Number('K', resident.index).Text());
  row.Text(resident.person.Id()).Number(resident.county);
  row.Text(kOccupations[random.Below(kOccupations.size())]).Date(day);
  row.Date(random.PerMille(300) ? FromSerial(ToSerial(day) + 180) : 0);
  return true;
}

void ReferralRow(const CityView& view, const Resident& resident, int part,
                 CsvRow& row) {
  Random random = view.For(Stream::kReferral, resident.index, 1 + part);
  const uint64_t vacancy =
      random.Below(static_cast<uint32_t>(view.vacancies()));
  row.Text(view.Number('J', resident.index, part).Text());
  row.Text(view.Number('K', resident.index).Text());
  row.Text(view.Number('V', vacancy).Text());
  row.Date(view.RecentDay(random)).Empty();
}

template <typename Build>
void PutResidents(const CityView& view, CsvFile& file, const Build& build) {
  ForResidents(view, [&](const Resident& resident) {
    file.Put([&](bool later, CsvRow& row) {
      return build(view, resident, later, row);
    });
  });
}

}  // namespace

void WriteFilings(const CityView& view, CsvFile& file) {
  PutResidents(view, file, FilingRow);
}

void WriteUnemployment(const CityView& view, CsvFile& file) {
  PutResidents(view, file, UnemploymentRow);
}

void WriteHardships(const CityView& view, CsvFile& file) {
  PutResidents(view, file, HardshipRow);
}

void WriteFamilies(const CityView& view, CsvFile& file) {
  for (uint64_t i = 0; i < view.families(); ++i) {
    file.PutSame([&](bool, CsvRow& row) { return FamilyRow(view, i, row); });
  }
}

void WriteFamilyMembers(const CityView& view, CsvFile& file) {
  const uint64_t people = view.residents_at_first();
  for (uint64_t i = 0; i < view.families(); ++i) {
    const uint64_t members = std::min<uint64_t>(kMembersPerFamily, people);
    for (uint64_t k = 0; k < members; ++k) {
      const Resident resident = view.At((i * 40 + k) % people);
      if (k != 0 && !OfWorkingAge(resident)) continue;
      file.Put([&](bool later, CsvRow& row) {
        return MemberRow(view, i, k, resident, later, row);
      });
    }
  }
}

void WriteRuralWorkers(const CityView& view, CsvFile& file) {
  ForResidents(view, [&](const Resident& resident) {
    for (uint32_t spell = 0; spell < 2; ++spell) {
      file.Put([&](bool later, CsvRow& row) {
        return RuralWorkerRow(view, resident, spell, later, row);
      });
    }
  });
}

void WriteLoans(const CityView& view, CsvFile& file) {
  PutResidents(view, file, LoanRow);
}

void WriteRepayments(const CityView& view, CsvFile& file) {
  ForResidents(view, [&](const Resident& resident) {
    const std::optional<Loan> loan = LoanOf(view, resident);
    if (loan.has_value()) Repayments(view, resident, *loan, file);
  });
}

void WriteVacancies(const CityView& view, CsvFile& file) {
  for (uint64_t i = 0; i < view.vacancies(); ++i) {
    file.PutSame([&](bool, CsvRow& row) { return VacancyRow(view, i, row); });
  }
}

void WriteSeekers(const CityView& view, CsvFile& file) {
  PutResidents(view, file, SeekerRow);
}

void WriteReferrals(const CityView& view, CsvFile& file) {
  if (view.vacancies() == 0) return;
  ForResidents(view, [&](const Resident& resident) {
    if (resident.fresh || !Seeks(view, resident)) return;
    Random random = view.For(Stream::kReferral, resident.index);
    const int referrals = static_cast<int>(random.Below(3));
    for (int part = 0; part < referrals; ++part) {
      file.PutSame([&](bool, CsvRow& row) {
        ReferralRow(view, resident, part, row);
        return true;
      });
    }
  });
}

}  // namespace tongchou::cli
