#include "audit/city_scan.h"

#include <set>

#include "absl/container/flat_hash_set.h"
#include "common/base/status.h"
#include "common/records/division.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "common/records/row.h"

namespace tongchou::audit {
namespace {

using records::Row;

constexpr uint32_t kFirstDay = 0;
constexpr uint32_t kLastDay = UINT32_MAX;

uint32_t MonthOf(uint32_t day) { return day / 100; }
uint32_t YearOfMonth(uint32_t month) { return month / 100; }

// Values of a row by national field code; looked up once per type.
class Fields {
 public:
  explicit Fields(const Row& row) : row_(row) {}
  std::string_view text(std::string_view code) const {
    return row_.text(row_.schema().IndexOf(code));
  }
  int64_t number(std::string_view code) const {
    return row_.number(row_.schema().IndexOf(code));
  }
  uint32_t day(std::string_view code) const {
    return static_cast<uint32_t>(number(code));
  }
  bool has(std::string_view code) const {
    return row_.has(row_.schema().IndexOf(code));
  }

 private:
  const Row& row_;
};

bool IsInsured(std::string_view status) {
  return status == "1" || status == "2";
}

bool IsWorking(const Fields& enrolment) {
  const std::string_view kind = enrolment.text("AAC084");
  return kind.empty() || kind == "0" || kind == "2";
}

struct Unit {
  uint32_t county = 0;
  Source source = nullptr;
};

struct UnitEnrolment {
  std::string unit;
  uint32_t person;
  bool working;
  Source source;
};

struct Filing {
  uint32_t month;
  uint32_t day;
  std::string number;
  uint32_t county;
  Source source;
  auto Order() const { return std::tie(day, number); }
};

struct Leaving {
  uint32_t person;
  std::set<uint32_t> months;
  Source source;
};

struct LoanPlace {
  uint32_t county = 0;
  Source source = nullptr;
};

struct PaidBack {
  std::string loan;
  int64_t amount;
  Source source;
};

struct Family {
  uint32_t county = 0;
  uint32_t agreed_year = 0;
  bool open = false;  // on the day
  Source source = nullptr;
};

struct FamilyMember {
  std::string family;
  uint32_t person;
  bool placed;
  Source source;
};

class Scan {
 public:
  Scan(const RecordSet& records, uint32_t as_of, uint32_t on, Emissions* out)
      : records_(records), as_of_(as_of), on_(on), out_(*out) {}

  void Run();

 private:
  void Visit(const Row& row);
  void Enrolment(const Fields& row);
  void Contribution(const Fields& row);
  void UnitRow(const Fields& row);
  void PersonRow(const Fields& row);
  void FilingRow(const Fields& row);
  void FoundWork(std::string_view id, const Fields& row);
  void RuralWorker(const Fields& row);
  void Loan(const Fields& row);
  void Repayment(const Fields& row);
  void FamilyRow(const Fields& row);
  void Member(const Fields& row);

  void JoinAttrition();
  void JoinDifficultUnits();
  void JoinLoans();
  void JoinFamilies();

  Place At(const Fields& row) const {
    return {records_.city(),
            records::Divisions::Get().CurrentCode(row.day("AAB301"))};
  }
  uint32_t Person(const Fields& row) {
    std::string key;
    records::AppendPerson(row.text("AAC002"), &key);
    return out_.PersonOf(key);
  }

  const RecordSet& records_;
  const uint32_t as_of_;
  const uint32_t on_;
  Emissions& out_;
  Source source_ = nullptr;  // the record that is visited

  absl::flat_hash_map<std::string, Unit> difficult_units_;
  std::vector<UnitEnrolment> unit_enrolments_;
  absl::flat_hash_map<uint32_t, std::vector<Filing>> filings_;
  std::vector<Leaving> leavings_;
  absl::flat_hash_map<std::string, LoanPlace> loans_;
  std::vector<PaidBack> repayments_;
  absl::flat_hash_map<std::string, Family> families_;
  std::vector<FamilyMember> members_;
};

void Scan::Enrolment(const Fields& row) {
  if (!IsInsured(row.text("AAC008"))) return;
  const std::string_view insurance = row.text("AAE140");
  const uint32_t person = Person(row);
  if (!row.text("AAB001").empty()) {
    unit_enrolments_.push_back(
        {std::string(row.text("AAB001")), person, IsWorking(row), source_});
  }
  if (!row.has("AAC049")) return;
  const Place place = At(row);
  out_.AddPerson("K1.1", place, insurance, as_of_, person);
  if (IsWorking(row)) out_.AddPerson("K1.2", place, insurance, as_of_, person);
  if (row.text("AAC028") == "1") {
    out_.AddPerson("K1.3", place, insurance, as_of_, person);
  }
  if (insurance == "391") out_.AddPerson("K4", place, "", as_of_, person);
  if (insurance == "390") out_.AddPerson("K4.390", place, "", as_of_, person);
  const uint32_t month = row.day("AAC049");
  for (const uint32_t period : {month, YearOfMonth(month)}) {
    out_.AddPerson("K1.7", place, insurance, period, person);
  }
}

void Scan::Contribution(const Fields& row) {
  if (!row.has("AAE079")) return;
  const uint32_t month = MonthOf(row.day("AAE079"));
  const int64_t paid = row.number("AAE080") + row.number("AAE082");
  const std::string_view insurance = row.text("AAE140");
  const Place place = At(row);
  for (const uint32_t period : {month, YearOfMonth(month)}) {
    if (paid > 0) {
      out_.AddPerson("K1.5", place, insurance, period, Person(row));
    }
    out_.AddAmount("K1.6", place, insurance, period, paid);
    out_.AddAmount("K1.6", place, "", period, paid);
  }
}

void Scan::UnitRow(const Fields& row) {
  if (row.text("AAB065") != "1") return;
  const uint32_t from = row.has("AAE030") ? row.day("AAE030") : kFirstDay;
  const uint32_t to = row.has("AAE031") ? row.day("AAE031") : kLastDay;
  if (on_ < from || on_ > to) return;
  const Place place = At(row);
  difficult_units_[std::string(row.text("AAB001"))] = {place.county, source_};
  out_.AddAmount("K5.heads", place, "", on_, row.number("AAB083"));
}

void Scan::PersonRow(const Fields& row) {
  Leaving leaving{Person(row), {}, source_};
  for (const std::string_view code : {"AIC162", "AAE138"}) {
    if (row.has(code)) leaving.months.insert(MonthOf(row.day(code)));
  }
  if (!leaving.months.empty()) leavings_.push_back(std::move(leaving));
}

void Scan::FilingRow(const Fields& row) {
  const uint32_t day = row.day("ACC031");
  const Place place = At(row);
  const uint32_t person = Person(row);
  out_.AddPerson("K3.gross", place, "", MonthOf(day), person);
  filings_[person].push_back({MonthOf(day), day,
                              std::string(row.text("ACC030")), place.county,
                              source_});
}

void Scan::FoundWork(std::string_view id, const Fields& row) {
  if (row.text("AAE160") != "1" || !row.has("AAE031")) return;
  out_.AddPerson(id, At(row), "", MonthOf(row.day("AAE031")), Person(row));
}

void Scan::RuralWorker(const Fields& row) {
  const uint32_t year = row.day("AAE030") / 10'000;
  const std::string_view where = row.text("BCCB22");
  const Place place = At(row);
  const uint32_t person = Person(row);
  out_.AddPerson("K2", place, "", year, person);
  if (where == "1" || where == "2" || where == "3") {
    out_.AddPerson("K2.1", place, "", year, person);
  }
  if (where == "4" || where == "5") {
    out_.AddPerson("K2.2", place, "", year, person);
  }
}

void Scan::Loan(const Fields& row) {
  const Place place = At(row);
  const uint32_t month = MonthOf(row.day("BCC13X"));
  const uint32_t person = Person(row);
  for (const uint32_t period : {month, YearOfMonth(month)}) {
    out_.AddAmount("K6.count", place, "", period, 1);
    out_.AddAmount("K6.amount", place, "", period, row.number("ACC141"));
    out_.AddAmount("K6.jobs", place, "", period, row.number("BCC3Y6"));
    out_.AddPerson("K6.persons", place, "", period, person);
  }
  out_.AddAmount("K6.balance", place, "", as_of_, row.number("ACC141"));
  loans_[std::string(row.text("ACC140"))] = {place.county, source_};
}

void Scan::Repayment(const Fields& row) {
  repayments_.push_back(
      {std::string(row.text("ACC140")), row.number("BCC144"), source_});
}

void Scan::FamilyRow(const Fields& row) {
  if (row.text("BCCS06") != "1") return;
  Family& family = families_[std::string(row.text("BCCS01"))];
  family.county = At(row).county;
  family.source = source_;
  family.agreed_year = row.day("BCCS10") / 10'000;
  family.open = !row.has("AAE031") || row.day("AAE031") > on_;
}

void Scan::Member(const Fields& row) {
  members_.push_back({std::string(row.text("BCCS01")), Person(row),
                      !row.text("BCCS23").empty(), source_});
}

void Scan::JoinAttrition() {
  for (const Leaving& leaving : leavings_) {
    const auto filings = filings_.find(leaving.person);
    if (filings == filings_.end()) continue;
    for (const uint32_t month : leaving.months) {
      const Filing* latest = nullptr;
      for (const Filing& filing : filings->second) {
        if (filing.month > month) continue;
        if (latest == nullptr || latest->Order() < filing.Order()) {
          latest = &filing;
        }
      }
      if (latest == nullptr) continue;
      out_.From(leaving.source, latest->source);
      out_.AddPerson("K3.attrition", {records_.city(), latest->county}, "",
                     month, leaving.person);
    }
  }
}

void Scan::JoinDifficultUnits() {
  for (const UnitEnrolment& enrolment : unit_enrolments_) {
    const auto unit = difficult_units_.find(enrolment.unit);
    if (unit == difficult_units_.end()) continue;
    const Place place{records_.city(), unit->second.county};
    out_.From(enrolment.source, unit->second.source);
    out_.AddPerson("K5", place, "", on_, enrolment.person);
    if (enrolment.working) {
      out_.AddPerson("K5.1", place, "", on_, enrolment.person);
    }
  }
}

void Scan::JoinLoans() {
  for (const PaidBack& paid : repayments_) {
    const auto loan = loans_.find(paid.loan);
    if (loan == loans_.end()) continue;
    out_.From(paid.source, loan->second.source);
    out_.AddAmount("K6.balance", {records_.city(), loan->second.county}, "",
                   as_of_, -paid.amount);
  }
}

void Scan::JoinFamilies() {
  absl::flat_hash_map<std::string, Source> placed;
  for (const FamilyMember& member : members_) {
    if (member.placed) placed.emplace(member.family, member.source);
  }
  for (const auto& [number, family] : families_) {
    const Place place{records_.city(), family.county};
    const auto one = placed.find(number);
    out_.From(family.source, one == placed.end() ? nullptr : one->second);
    out_.AddAmount("K7.agreed", place, "", family.agreed_year, 1);
    if (one != placed.end()) {
      out_.AddAmount("K7.placed", place, "", family.agreed_year, 1);
    } else if (family.open) {
      out_.AddAmount("K7.families", place, "", on_, 1);
    }
  }
  for (const FamilyMember& member : members_) {
    const auto family = families_.find(member.family);
    if (family == families_.end() || !family->second.open) continue;
    if (placed.contains(member.family)) continue;
    out_.From(member.source, family->second.source);
    out_.AddPerson("K7.members", {records_.city(), family->second.county}, "",
                   on_, member.person);
  }
}

void Scan::Visit(const Row& row) {
  const Fields fields(row);
  switch (row.schema().type) {
    case v1::RECORD_TYPE_ENROLMENT:
      return Enrolment(fields);
    case v1::RECORD_TYPE_CONTRIBUTION:
      return Contribution(fields);
    case v1::RECORD_TYPE_UNIT:
      return UnitRow(fields);
    case v1::RECORD_TYPE_PERSON:
      return PersonRow(fields);
    case v1::RECORD_TYPE_FILING:
      return FilingRow(fields);
    case v1::RECORD_TYPE_UNEMPLOYMENT:
      return FoundWork("K3.1", fields);
    case v1::RECORD_TYPE_HARDSHIP:
      return FoundWork("K3.2", fields);
    case v1::RECORD_TYPE_RURAL_WORKER:
      return RuralWorker(fields);
    case v1::RECORD_TYPE_LOAN:
      return Loan(fields);
    case v1::RECORD_TYPE_REPAYMENT:
      return Repayment(fields);
    case v1::RECORD_TYPE_FAMILY:
      return FamilyRow(fields);
    case v1::RECORD_TYPE_FAMILY_MEMBER:
      return Member(fields);
    default:
      return;
  }
}

void Scan::Run() {
  Row row;
  for (const RecordMap::value_type& one : records_.records()) {
    const auto& [key, stored] = one;
    if (stored.deleted) continue;
    source_ = &one;
    out_.From(source_);
    const auto type = records::TypeOfKey(key);
    const records::RecordSchema* schema =
        type.has_value() ? records::Schema::Get().Find(*type) : nullptr;
    if (schema == nullptr) continue;
    row.Reset(*schema);
    if (!records::DecodeRow(key, stored.record, &row).ok()) continue;
    Visit(row);
  }
  JoinAttrition();
  JoinDifficultUnits();
  JoinLoans();
  JoinFamilies();
}

}  // namespace

uint32_t Emissions::PersonOf(std::string_view person_key) {
  const auto number = static_cast<uint32_t>(person_numbers_.size());
  return person_numbers_.try_emplace(std::string(person_key), number)
      .first->second;
}

uint32_t Emissions::CellOf(std::string_view id, Place place,
                           std::string_view insurance, uint32_t period,
                           bool once) {
  uint32_t code = 0;
  for (const char digit : insurance) {
    code = code * 256 + static_cast<uint8_t>(digit);
  }
  const auto [it, added] = cell_numbers_.try_emplace(
      CellKey{id, place.city, place.county, code, period, once},
      static_cast<uint32_t>(cells.size()));
  if (added) {
    cells.push_back({std::string(id), once, place.city, place.county,
                     std::string(insurance), period});
  }
  return it->second;
}

namespace {

// Of what a figure is made, where it is not counted by itself.
bool IsPartOf(std::string_view figure, std::string_view id) {
  if (figure == id) return true;
  if (figure == "K3.net") return id == "K3.gross" || id == "K3.attrition";
  if (figure == "K5.uninsured") return id == "K5.heads" || id == "K5.1";
  return figure == "K1.4" && id == "K1.1";
}

}  // namespace

void Emissions::Trace(std::string_view id, Place place,
                      std::string_view insurance, uint32_t period) {
  const FigureName& figure = trace->figure;
  const bool in_period =
      figure.period == period ||
      (figure.id.starts_with("K3.") && figure.period == YearOfMonth(period));
  if (!IsPartOf(figure.id, id) || !in_period || figure.insurance != insurance ||
      (figure.city != 0 && figure.city != place.city) ||
      (figure.county != 0 && figure.county != place.county)) {
    return;
  }
  for (const Source source : sources_) {
    if (source != nullptr) trace->found.emplace_back(place.city, source);
  }
}

void Emissions::AddPerson(std::string_view id, Place place,
                          std::string_view insurance, uint32_t period,
                          uint32_t person) {
  if (trace != nullptr) Trace(id, place, insurance, period);
  const auto add = [&](Place at, bool once) {
    const uint32_t cell = CellOf(id, at, insurance, period, once);
    if (cell >= persons.size()) persons.resize(cell + 1);
    persons[cell].push_back(person);
  };
  add(place, false);
  add({place.city, 0}, false);
  add({0, 0}, true);
}

void Emissions::AddAmount(std::string_view id, Place place,
                          std::string_view insurance, uint32_t period,
                          int64_t amount) {
  if (trace != nullptr) Trace(id, place, insurance, period);
  sums[CellOf(id, place, insurance, period, false)] += amount;
  sums[CellOf(id, {place.city, 0}, insurance, period, false)] += amount;
}

void ScanCity(const RecordSet& records, uint32_t as_of, uint32_t on,
              Emissions* emissions) {
  Scan(records, as_of, on, emissions).Run();
}

OpeningStock ScanOpeningStock(const RecordSet& records) {
  OpeningStock stock;
  stock.committed = true;
  Emissions emissions;
  Row row;
  const records::RecordSchema& schema =
      records::Schema::Get().At(v1::RECORD_TYPE_ENROLMENT);
  for (const auto& [key, stored] : records.records()) {
    if (stored.deleted) continue;
    if (records::TypeOfKey(key) != v1::RECORD_TYPE_ENROLMENT) continue;
    row.Reset(schema);
    if (!records::DecodeRow(key, stored.record, &row).ok()) continue;
    const Fields fields(row);
    if (!IsInsured(fields.text("AAC008")) || !fields.has("AAC049")) continue;
    std::string person;
    records::AppendPerson(fields.text("AAC002"), &person);
    stock.insured[std::string(fields.text("AAE140"))].emplace(
        records::Divisions::Get().CurrentCode(fields.day("AAB301")),
        std::move(person));
  }
  return stock;
}

}  // namespace tongchou::audit
