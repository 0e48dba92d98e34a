#include "aggregator/indicators/evaluate.h"

#include <algorithm>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/records/division.h"
#include "common/records/schema.h"

namespace tongchou::aggregator {
namespace {

using records::Row;
using records::Schema;

// Index of a field of a type, looked up once.
int Field(RecordType type, std::string_view code) {
  return Schema::Get().At(type).IndexOf(code);
}

struct EnrolmentFields {
  int insurance = Field(v1::RECORD_TYPE_ENROLMENT, "AAE140");
  int unit = Field(v1::RECORD_TYPE_ENROLMENT, "AAB001");
  int status = Field(v1::RECORD_TYPE_ENROLMENT, "AAC008");
  int retired = Field(v1::RECORD_TYPE_ENROLMENT, "AAC084");
  int rural = Field(v1::RECORD_TYPE_ENROLMENT, "AAC028");
  int first_month = Field(v1::RECORD_TYPE_ENROLMENT, "AAC049");
};

struct ContributionFields {
  int insurance = Field(v1::RECORD_TYPE_CONTRIBUTION, "AAE140");
  int unit_paid = Field(v1::RECORD_TYPE_CONTRIBUTION, "AAE080");
  int person_paid = Field(v1::RECORD_TYPE_CONTRIBUTION, "AAE082");
  int received = Field(v1::RECORD_TYPE_CONTRIBUTION, "AAE079");
};

struct FilingFields {
  int number = Field(v1::RECORD_TYPE_FILING, "ACC030");
  int day = Field(v1::RECORD_TYPE_FILING, "ACC031");
  int retired_on = Field(v1::RECORD_TYPE_PERSON, "AIC162");
  int died_on = Field(v1::RECORD_TYPE_PERSON, "AAE138");
};

struct LoanFields {
  int amount = Field(v1::RECORD_TYPE_LOAN, "ACC141");
  int day = Field(v1::RECORD_TYPE_LOAN, "BCC13X");
  int jobs = Field(v1::RECORD_TYPE_LOAN, "BCC3Y6");
  int repaid = Field(v1::RECORD_TYPE_REPAYMENT, "BCC144");
};

uint16_t InsuranceOf(std::string_view text) {
  uint16_t number = 0;
  for (const char c : text) {
    number = static_cast<uint16_t>(number * 10 + (c - '0'));
  }
  return number;
}

uint32_t MonthOf(int64_t day) { return static_cast<uint32_t>(day / 100); }
uint32_t YearOfDay(int64_t day) { return static_cast<uint32_t>(day / 10'000); }
uint32_t YearOfMonth(int64_t month) {
  return static_cast<uint32_t>(month / 100);
}

absl::Status EvaluateEnrolment(const Row& row, Joins* joins,
                               Contribution* out) {
  static const EnrolmentFields kFields;
  const std::string_view status = row.text(kFields.status);
  if (status != "1" && status != "2") return absl::OkStatus();
  const std::string_view retired = row.text(kFields.retired);
  const bool working = retired.empty() || retired == "0" || retired == "2";
  const uint16_t insurance = InsuranceOf(row.text(kFields.insurance));
  const uint32_t county = CountyOf(row);
  if (row.has(kFields.first_month)) {
    const int64_t first = row.number(kFields.first_month);
    out->Count(CellKind::kInsured, county, insurance, 0);
    if (working) out->Count(CellKind::kWorking, county, insurance, 0);
    if (row.text(kFields.rural) == "1") {
      out->Count(CellKind::kRuralWorkers, county, insurance, 0);
    }
    out->Count(CellKind::kFirstMonth, county, insurance,
               static_cast<uint32_t>(first));
    out->Count(CellKind::kFirstYear, county, insurance, YearOfMonth(first));
  }
  if (!row.has(kFields.unit)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto unit, joins->Unit(row.text(kFields.unit)));
  if (!unit.has_value()) return absl::OkStatus();
  out->Count(CellKind::kDifficult, unit->county, 0, 0, unit->difficult);
  if (working) {
    out->Count(CellKind::kDifficultWorking, unit->county, 0, 0,
               unit->difficult);
  }
  return absl::OkStatus();
}

void EvaluateContribution(const Row& row, Contribution* out) {
  static const ContributionFields kFields;
  if (!row.has(kFields.received)) return;
  const int64_t paid =
      row.number(kFields.unit_paid) + row.number(kFields.person_paid);
  const int64_t day = row.number(kFields.received);
  const uint16_t insurance = InsuranceOf(row.text(kFields.insurance));
  const uint32_t county = CountyOf(row);
  if (paid > 0) {
    out->Count(CellKind::kPayersMonth, county, insurance, MonthOf(day));
    out->Count(CellKind::kPayersYear, county, insurance, YearOfDay(day));
  }
  out->Sum(CellKind::kCollected, county, insurance, MonthOf(day), paid);
}

// County of the latest filing not later than the month; ties: greatest number.
const Row* LatestFiling(const std::vector<const Row*>& rows, uint32_t month) {
  static const FilingFields kFields;
  const Row* latest = nullptr;
  for (const Row* row : rows) {
    if (row->schema().type != v1::RECORD_TYPE_FILING ||
        MonthOf(row->number(kFields.day)) > month) {
      continue;
    }
    const auto rank = [](const Row* one) {
      return std::pair(one->number(kFields.day), one->text(kFields.number));
    };
    if (latest == nullptr || rank(row) > rank(latest)) latest = row;
  }
  return latest;
}

void EvaluateFilings(const std::vector<const Row*>& rows, Contribution* out) {
  static const FilingFields kFields;
  for (const Row* row : rows) {
    if (row->schema().type == v1::RECORD_TYPE_FILING) {
      out->Count(CellKind::kFiled, CountyOf(*row), 0,
                 MonthOf(row->number(kFields.day)));
      continue;
    }
    for (const int field : {kFields.retired_on, kFields.died_on}) {
      if (!row->has(field)) continue;
      const uint32_t month = MonthOf(row->number(field));
      const Row* filing = LatestFiling(rows, month);
      if (filing != nullptr) {
        out->Count(CellKind::kLeft, CountyOf(*filing), 0, month);
      }
    }
  }
}

void EvaluateFoundWork(RecordType type, CellKind kind, const Row& row,
                       Contribution* out) {
  const int reason = Field(type, "AAE160");
  const int end = Field(type, "AAE031");
  if (row.text(reason) != "1" || !row.has(end)) return;
  out->Count(kind, CountyOf(row), 0, MonthOf(row.number(end)));
}

void EvaluateRural(const Row& row, Contribution* out) {
  static const int kStart = Field(v1::RECORD_TYPE_RURAL_WORKER, "AAE030");
  static const int kPlace = Field(v1::RECORD_TYPE_RURAL_WORKER, "BCCB22");
  const uint32_t year = YearOfDay(row.number(kStart));
  const std::string_view place = row.text(kPlace);
  const uint32_t county = CountyOf(row);
  out->Count(CellKind::kMoved, county, 0, year);
  if (place == "1" || place == "2" || place == "3") {
    out->Count(CellKind::kMovedInside, county, 0, year);
  } else if (place == "4" || place == "5") {
    out->Count(CellKind::kMovedOutside, county, 0, year);
  }
}

void EvaluateLoan(const Row& row, Contribution* out) {
  static const LoanFields kFields;
  if (!row.has(kFields.day)) return;
  const int64_t day = row.number(kFields.day);
  const uint32_t county = CountyOf(row);
  const uint32_t month = MonthOf(day);
  out->Sum(CellKind::kLoans, county, 0, month, 1);
  out->Sum(CellKind::kLoanAmount, county, 0, month, row.number(kFields.amount));
  out->Sum(CellKind::kLoanJobs, county, 0, month, row.number(kFields.jobs));
  out->Count(CellKind::kBorrowersMonth, county, 0, month);
  out->Count(CellKind::kBorrowersYear, county, 0, YearOfDay(day));
}

absl::Status EvaluateMember(const Row& row, Joins* joins, Contribution* out) {
  static const int kFamily = Field(v1::RECORD_TYPE_FAMILY_MEMBER, "BCCS01");
  ASSIGN_OR_RETURN(const auto family, joins->Family(row.text(kFamily)));
  if (family.has_value() && family->confirmed && !family->placed) {
    out->Count(CellKind::kFamilyMembers, family->county, 0, 0, family->valid);
  }
  return absl::OkStatus();
}

absl::Status EvaluateRow(FigureGroup group, const Row& row, Joins* joins,
                         Contribution* out) {
  switch (group) {
    case FigureGroup::kEnrolment:
      return EvaluateEnrolment(row, joins, out);
    case FigureGroup::kContribution:
      EvaluateContribution(row, out);
      break;
    case FigureGroup::kUnemployment:
      EvaluateFoundWork(v1::RECORD_TYPE_UNEMPLOYMENT, CellKind::kFoundWork, row,
                        out);
      break;
    case FigureGroup::kHardship:
      EvaluateFoundWork(v1::RECORD_TYPE_HARDSHIP, CellKind::kHardshipWork, row,
                        out);
      break;
    case FigureGroup::kRural:
      EvaluateRural(row, out);
      break;
    case FigureGroup::kLoan:
      EvaluateLoan(row, out);
      break;
    case FigureGroup::kFamily:
      return EvaluateMember(row, joins, out);
    case FigureGroup::kFiling:
      break;
  }
  return absl::OkStatus();
}

}  // namespace

const std::vector<RecordType>& TypesOf(FigureGroup group) {
  static const std::array<std::vector<RecordType>, kFigureGroups> kTypes = {{
      {v1::RECORD_TYPE_ENROLMENT},
      {v1::RECORD_TYPE_CONTRIBUTION},
      {v1::RECORD_TYPE_PERSON, v1::RECORD_TYPE_FILING},
      {v1::RECORD_TYPE_UNEMPLOYMENT},
      {v1::RECORD_TYPE_HARDSHIP},
      {v1::RECORD_TYPE_RURAL_WORKER},
      {v1::RECORD_TYPE_LOAN},
      {v1::RECORD_TYPE_FAMILY_MEMBER},
  }};
  return kTypes[static_cast<size_t>(group)];
}

uint32_t GroupsOf(RecordType type) {
  static const auto kGroups = [] {
    std::array<uint32_t, v1::RecordType_ARRAYSIZE> groups = {};
    for (size_t i = 0; i < kFigureGroups; ++i) {
      for (const RecordType one : TypesOf(static_cast<FigureGroup>(i))) {
        groups[one] |= 1u << i;
      }
    }
    return groups;
  }();
  // Types of newer nodes have numbers beyond.
  const auto number = static_cast<size_t>(type);
  return number < kGroups.size() ? kGroups[number] : 0;
}

uint32_t CountyOf(const Row& row) {
  const int field = row.schema().division;
  if (field < 0) return 0;
  return records::Divisions::Get().CurrentCode(
      static_cast<uint32_t>(row.number(field)));
}

std::optional<UnitFacts> FactsOfUnit(const Row& unit) {
  static const int kClass = Field(v1::RECORD_TYPE_UNIT, "AAB065");
  static const int kHeads = Field(v1::RECORD_TYPE_UNIT, "AAB083");
  static const int kFrom = Field(v1::RECORD_TYPE_UNIT, "AAE030");
  static const int kTo = Field(v1::RECORD_TYPE_UNIT, "AAE031");
  if (unit.text(kClass) != "1") return std::nullopt;
  UnitFacts facts;
  facts.county = CountyOf(unit);
  facts.heads = unit.number(kHeads);
  facts.difficult.from = static_cast<uint32_t>(unit.number(kFrom));
  if (unit.has(kTo)) {
    facts.difficult.to = base::NextDay(static_cast<uint32_t>(unit.number(kTo)));
  }
  return facts;
}

FamilyFacts FactsOfFamily(const Row& family) {
  static const int kReview = Field(v1::RECORD_TYPE_FAMILY, "BCCS06");
  static const int kAgreed = Field(v1::RECORD_TYPE_FAMILY, "BCCS10");
  static const int kEnd = Field(v1::RECORD_TYPE_FAMILY, "AAE031");
  FamilyFacts facts;
  facts.county = CountyOf(family);
  facts.confirmed = family.text(kReview) == "1";
  facts.agreed_year = YearOfDay(family.number(kAgreed));
  if (family.has(kEnd)) {
    facts.valid.to = static_cast<uint32_t>(family.number(kEnd));
  }
  return facts;
}

bool IsPlaced(const Row& family_member) {
  static const int kPlaced = Field(v1::RECORD_TYPE_FAMILY_MEMBER, "BCCS23");
  return family_member.has(kPlaced);
}

absl::Status EvaluatePerson(FigureGroup group,
                            const std::vector<const Row*>& rows, Joins* joins,
                            Contribution* out) {
  if (group == FigureGroup::kFiling) {
    EvaluateFilings(rows, out);
  } else {
    for (const Row* row : rows) {
      RETURN_IF_ERROR(EvaluateRow(group, *row, joins, out));
    }
  }
  out->Normalise();
  return absl::OkStatus();
}

void EvaluateUnit(const std::optional<UnitFacts>& unit, Contribution* out) {
  if (!unit.has_value() || unit->difficult.from >= unit->difficult.to) return;
  out->Sum(CellKind::kDifficultHeads, unit->county, 0, 0, unit->heads,
           unit->difficult.from);
  if (unit->difficult.to != kForever) {
    out->Sum(CellKind::kDifficultHeads, unit->county, 0, 0, -unit->heads,
             unit->difficult.to);
  }
}

void EvaluateFamily(const std::optional<FamilyFacts>& family,
                    Contribution* out) {
  if (!family.has_value() || !family->confirmed) return;
  out->Sum(CellKind::kFamiliesAgreed, family->county, 0, family->agreed_year,
           1);
  if (family->placed) {
    out->Sum(CellKind::kFamiliesPlaced, family->county, 0, family->agreed_year,
             1);
    return;
  }
  if (family->valid.from >= family->valid.to) return;
  out->Sum(CellKind::kFamilies, family->county, 0, 0, 1, family->valid.from);
  if (family->valid.to != kForever) {
    out->Sum(CellKind::kFamilies, family->county, 0, 0, -1, family->valid.to);
  }
}

void EvaluateLoanBalance(const Row* loan,
                         const std::vector<const Row*>& repayments,
                         Contribution* out) {
  static const LoanFields kFields;
  if (loan == nullptr) return;
  int64_t balance = loan->number(kFields.amount);
  for (const Row* repayment : repayments) {
    balance -= repayment->number(kFields.repaid);
  }
  out->Sum(CellKind::kLoanBalance, CountyOf(*loan), 0, 0, balance);
}

}  // namespace tongchou::aggregator
