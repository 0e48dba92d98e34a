#include "tests/aggregator/naive_figures.h"

#include <cmath>
#include <set>

namespace tongchou::aggregator {
namespace {

using Rows = std::map<std::vector<std::string>, Texts>;  // by key
using Type = std::string;

// Codes of the test's counties that are no longer in force.
const std::map<std::string, uint32_t> kSuccessors = {
    {"360105", 360112}, {"360122", 360112}, {"360421", 360404},
    {"360427", 360483}, {"360782", 360703}, {"360721", 360704}};

std::string Text(const Texts& row, const std::string& code) {
  const auto found = row.find(code);
  return found == row.end() ? "" : found->second;
}
uint32_t Number(const Texts& row, const std::string& code) {
  const std::string text = Text(row, code);
  return text.empty() ? 0 : static_cast<uint32_t>(std::stoul(text));
}
int64_t Fen(const Texts& row, const std::string& code) {
  const std::string text = Text(row, code);
  return text.empty() ? 0 : std::llround(std::stod(text) * 100);
}
bool Has(const Texts& row, const std::string& code) {
  return !Text(row, code).empty();
}
uint32_t County(const Texts& row) {
  const auto found = kSuccessors.find(Text(row, "AAB301"));
  return found == kSuccessors.end() ? Number(row, "AAB301") : found->second;
}
bool Enrolled(const Texts& row) {
  return Text(row, "AAC008") == "1" || Text(row, "AAC008") == "2";
}
bool Working(const Texts& row) {
  const std::string retired = Text(row, "AAC084");
  return retired.empty() || retired == "0" || retired == "2";
}

class Naive {
 public:
  Naive(const std::vector<Edit>& edits, uint32_t as_of, uint32_t on)
      : as_of_(as_of), on_(on) {
    for (const Edit& edit : edits) Take(edit);
  }

  Figures InsuredNow();
  Figures Compute(const Figures& insured_before, uint32_t opening_day);

 private:
  void Take(const Edit& edit);
  // Counts the person at county and city, and once in the province.
  void Person(const std::string& id, uint32_t county, uint32_t insurance,
              uint32_t period, const Texts& row);
  void PersonOfMonth(const std::string& id, const Texts& row,
                     const std::string& day_code);
  void Sum(const std::string& id, uint32_t county, uint32_t insurance,
           uint32_t period, int64_t amount);
  void SumOfMonth(const std::string& id, uint32_t county, uint32_t insurance,
                  uint32_t month, int64_t amount);
  Rows& Of(const Type& type) { return rows_[city_][type]; }

  void Enrolments();
  void Difficulty();
  void Contributions();
  void Filings();
  void Attrition(const Texts& person, uint32_t month);
  void FoundWork(const Type& type, const std::string& id);
  void RuralWorkers();
  void Loans();
  void Families();

  void Finish();
  void Difference(const std::string& id, const std::string& plus,
                  const std::string& minus, bool with_once);
  void NetIncrease(const Figures& before, uint32_t opening_day);
  void UnknownStocks();

  const uint32_t as_of_;
  const uint32_t on_;
  std::map<uint32_t, std::map<Type, Rows>> rows_;  // by city
  std::map<uint32_t, uint32_t> first_days_;        // by city
  uint32_t city_ = 0;  // the one that is being counted
  std::map<FigureKey, std::set<std::string>> persons_;
  Figures figures_;
};

void Naive::Take(const Edit& edit) {
  const uint32_t day = base::ChinaDay(edit.commit_time_us);
  first_days_.try_emplace(edit.city, day);
  if (day > as_of_) return;
  const auto* schema = records::Schema::Get().Find(edit.type);
  std::vector<std::string> key;
  for (const int field : schema->key_fields) {
    key.push_back(Text(edit.texts, schema->fields[field].code));
  }
  if (edit.deleted) {
    rows_[edit.city][edit.type].erase(key);
  } else {
    rows_[edit.city][edit.type][key] = edit.texts;
  }
}

void Naive::Person(const std::string& id, uint32_t county, uint32_t insurance,
                   uint32_t period, const Texts& row) {
  const std::string who = Text(row, "AAC002");
  const auto ins = static_cast<uint16_t>(insurance);
  persons_[{id, false, city_, county, ins, period}].insert(who);
  persons_[{id, false, city_, 0, ins, period}].insert(who);
  persons_[{id, true, 0, 0, ins, period}].insert(who);
}

void Naive::PersonOfMonth(const std::string& id, const Texts& row,
                          const std::string& day_code) {
  Person(id, County(row), 0, Number(row, day_code) / 100, row);
}

void Naive::Sum(const std::string& id, uint32_t county, uint32_t insurance,
                uint32_t period, int64_t amount) {
  const auto ins = static_cast<uint16_t>(insurance);
  for (const uint32_t level : {county, 0u}) {
    auto& value = figures_[{id, false, city_, level, ins, period}];
    value = value.value_or(0) + amount;
  }
}

void Naive::SumOfMonth(const std::string& id, uint32_t county,
                       uint32_t insurance, uint32_t month, int64_t amount) {
  Sum(id, county, insurance, month, amount);
  Sum(id, county, insurance, month / 100, amount);
}

void Naive::Enrolments() {
  for (const auto& [key, row] : Of("enrolment")) {
    if (!Enrolled(row) || !Has(row, "AAC049")) continue;
    const uint32_t county = County(row);
    const uint32_t insurance = Number(row, "AAE140");
    const uint32_t first = Number(row, "AAC049");
    Person("K1.1", county, insurance, as_of_, row);
    if (Working(row)) Person("K1.2", county, insurance, as_of_, row);
    if (Text(row, "AAC028") == "1") {
      Person("K1.3", county, insurance, as_of_, row);
    }
    Person("K1.7", county, insurance, first, row);
    Person("K1.7", county, insurance, first / 100, row);
    if (insurance == 391) Person("K4", county, 0, as_of_, row);
    if (insurance == 390) Person("K4.390", county, 0, as_of_, row);
  }
}

void Naive::Difficulty() {
  for (const auto& [key, unit] : Of("unit")) {
    if (Text(unit, "AAB065") != "1" || Number(unit, "AAE030") > on_) continue;
    if (Has(unit, "AAE031") && Number(unit, "AAE031") < on_) continue;
    Sum("K5.heads", County(unit), 0, on_, Number(unit, "AAB083"));
    for (const auto& [enrolment_key, row] : Of("enrolment")) {
      if (!Enrolled(row) || Text(row, "AAB001") != Text(unit, "AAB001")) {
        continue;
      }
      Person("K5", County(unit), 0, on_, row);
      if (Working(row)) Person("K5.1", County(unit), 0, on_, row);
    }
  }
}

void Naive::Contributions() {
  for (const auto& [key, row] : Of("contribution")) {
    if (!Has(row, "AAE079")) continue;
    const int64_t paid = Fen(row, "AAE080") + Fen(row, "AAE082");
    const uint32_t month = Number(row, "AAE079") / 100;
    const uint32_t insurance = Number(row, "AAE140");
    SumOfMonth("K1.6", County(row), insurance, month, paid);
    SumOfMonth("K1.6", County(row), 0, month, paid);
    if (paid <= 0) continue;
    Person("K1.5", County(row), insurance, month, row);
    Person("K1.5", County(row), insurance, month / 100, row);
  }
}

void Naive::Filings() {
  for (const auto& [key, row] : Of("filing")) {
    PersonOfMonth("K3.gross", row, "ACC031");
  }
  for (const auto& [key, row] : Of("person")) {
    for (const std::string code : {"AIC162", "AAE138"}) {
      if (Has(row, code)) Attrition(row, Number(row, code) / 100);
    }
  }
}

void Naive::Attrition(const Texts& person, uint32_t month) {
  const Texts* latest = nullptr;
  for (const auto& [key, row] : Of("filing")) {  // in the order of ACC030
    if (Text(row, "AAC002") != Text(person, "AAC002") ||
        Number(row, "ACC031") / 100 > month) {
      continue;
    }
    if (latest == nullptr ||
        Number(row, "ACC031") >= Number(*latest, "ACC031")) {
      latest = &row;
    }
  }
  if (latest == nullptr) return;
  Person("K3.attrition", County(*latest), 0, month, person);
}

void Naive::FoundWork(const Type& type, const std::string& id) {
  for (const auto& [key, row] : Of(type)) {
    if (Text(row, "AAE160") == "1" && Has(row, "AAE031")) {
      PersonOfMonth(id, row, "AAE031");
    }
  }
}

void Naive::RuralWorkers() {
  for (const auto& [key, row] : Of("rural_worker")) {
    const uint32_t year = Number(row, "AAE030") / 10'000;
    const bool inside = Text(row, "BCCB22") <= "3";
    Person("K2", County(row), 0, year, row);
    Person(inside ? "K2.1" : "K2.2", County(row), 0, year, row);
  }
}

void Naive::Loans() {
  for (const auto& [key, loan] : Of("loan")) {
    const uint32_t county = County(loan);
    const uint32_t month = Number(loan, "BCC13X") / 100;
    SumOfMonth("K6.count", county, 0, month, 1);
    SumOfMonth("K6.amount", county, 0, month, Fen(loan, "ACC141"));
    SumOfMonth("K6.jobs", county, 0, month, Number(loan, "BCC3Y6"));
    Person("K6.persons", county, 0, month, loan);
    Person("K6.persons", county, 0, month / 100, loan);
    Sum("K6.balance", county, 0, as_of_, Fen(loan, "ACC141"));
    for (const auto& [repayment_key, row] : Of("repayment")) {
      if (Text(row, "ACC140") != Text(loan, "ACC140")) continue;
      Sum("K6.balance", county, 0, as_of_, -Fen(row, "BCC144"));
    }
  }
}

void Naive::Families() {
  for (const auto& [key, family] : Of("family")) {
    if (Text(family, "BCCS06") != "1") continue;
    const uint32_t county = County(family);
    std::vector<Texts> members;
    bool placed = false;
    for (const auto& [member_key, row] : Of("family_member")) {
      if (Text(row, "BCCS01") != Text(family, "BCCS01")) continue;
      members.push_back(row);
      placed = placed || Has(row, "BCCS23");
    }
    const uint32_t year = Number(family, "BCCS10") / 10'000;
    Sum("K7.agreed", county, 0, year, 1);
    if (placed) Sum("K7.placed", county, 0, year, 1);
    const bool ended = Has(family, "AAE031") && Number(family, "AAE031") <= on_;
    if (placed || ended) continue;
    Sum("K7.families", county, 0, on_, 1);
    for (const Texts& row : members) {
      Person("K7.members", county, 0, on_, row);
    }
  }
}

// Persons become numbers, cities the province's first line, and a year of K3
// the sum of its months.
void Naive::Finish() {
  for (const auto& [key, who] : persons_) {
    const auto number = static_cast<int64_t>(who.size());
    figures_[key] = number;
    if (!key.id.starts_with("K3")) continue;
    FigureKey year = key;
    year.period /= 100;
    figures_[year] = figures_[year].value_or(0) + number;
  }
  Figures sums;
  for (const auto& [key, value] : figures_) {
    if (key.city == 0 || key.county != 0) continue;
    FigureKey sum = key;
    sum.city = 0;
    sums[sum] = sums[sum].value_or(0) + *value;
  }
  figures_.merge(sums);
}

void Naive::Difference(const std::string& id, const std::string& plus,
                       const std::string& minus, bool with_once) {
  Figures found;
  for (const auto& [key, value] : figures_) {
    if ((key.id != plus && key.id != minus) || (key.once && !with_once)) {
      continue;
    }
    FigureKey to = key;
    to.id = id;
    found[to] = found[to].value_or(0) + (key.id == plus ? *value : -*value);
  }
  figures_.merge(found);
}

void Naive::NetIncrease(const Figures& before, uint32_t opening_day) {
  std::set<uint32_t> without_opening;
  for (const auto& [city, day] : first_days_) {
    if (day > opening_day && day <= as_of_) without_opening.insert(city);
  }
  Figures found;
  for (const auto& [key, value] : before) {
    FigureKey to = key;
    to.id = "K1.4";
    to.period = as_of_;
    found[to] = -*value;
  }
  for (const auto& [key, value] : figures_) {
    if (key.id != "K1.1") continue;
    FigureKey to = key;
    to.id = "K1.4";
    found[to] = found[to].value_or(0) + *value;
  }
  for (auto& [key, value] : found) {
    const bool unknown = key.city == 0 ? !without_opening.empty()
                                       : without_opening.contains(key.city);
    if (unknown) value = std::nullopt;
  }
  figures_.merge(found);
}

void Naive::UnknownStocks() {
  for (const auto& [city, day] : first_days_) {
    if (day <= as_of_) continue;
    for (const std::string id : {"K4", "K4.390", "K6.balance"}) {
      figures_[{id, false, city, 0, 0, as_of_}] = std::nullopt;
    }
    for (const std::string id : {"K5", "K5.1", "K5.heads", "K5.uninsured",
                                 "K7.families", "K7.members"}) {
      figures_[{id, false, city, 0, 0, on_}] = std::nullopt;
    }
  }
}

Figures Naive::InsuredNow() {
  for (const auto& [city, day] : first_days_) {
    city_ = city;
    Enrolments();
  }
  Finish();
  std::erase_if(figures_,
                [](const auto& figure) { return figure.first.id != "K1.1"; });
  return figures_;
}

Figures Naive::Compute(const Figures& insured_before, uint32_t opening_day) {
  for (const auto& [city, day] : first_days_) {
    city_ = city;
    Enrolments();
    Difficulty();
    Contributions();
    Filings();
    FoundWork("unemployment", "K3.1");
    FoundWork("hardship", "K3.2");
    RuralWorkers();
    Loans();
    Families();
  }
  Finish();
  Difference("K3.net", "K3.gross", "K3.attrition", true);
  Difference("K5.uninsured", "K5.heads", "K5.1", false);
  NetIncrease(insured_before, opening_day);
  UnknownStocks();
  std::erase_if(figures_,
                [](const auto& figure) { return figure.second == 0; });
  return figures_;
}

}  // namespace

Figures NaiveFigures(const std::vector<Edit>& edits, uint32_t as_of,
                     uint32_t on) {
  const uint32_t opening_day = (as_of / 10'000 - 1) * 10'000 + 1231;
  const Figures before = Naive(edits, opening_day, opening_day).InsuredNow();
  return Naive(edits, as_of, on).Compute(before, opening_day);
}

}  // namespace tongchou::aggregator
