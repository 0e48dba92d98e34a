#include "aggregator/state/figure_update.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "aggregator/state/person_update.h"
#include "common/base/status.h"
#include "common/records/record_key.h"

namespace tongchou::aggregator {
namespace {

using records::Row;

// Persons that are expected while one is looked at.
constexpr size_t kExpectAhead = 6;

// One city's record that others are counted through.
using CityText = std::pair<uint32_t, std::string>;

class Collector final : public DeltaCollector {
 public:
  Collector(const Evaluator& evaluator,
            const std::map<uint32_t, CityDays>& cities)
      : batch_(*evaluator.batch),
        cities_(cities),
        deltas_(*evaluator.deltas),
        facts_(*evaluator.facts) {}

  absl::Status FindPersons();
  size_t persons() const override { return persons_.size(); }
  absl::Status AddPersons(size_t begin, size_t end,
                          const Evaluator& evaluator) const override;
  absl::Status AddTheRest() override;

 private:
  void TakeChange(size_t index, const Change& change);
  void TakeRow(size_t index, const Change& change, const Row& row);
  void AddNamedPersons();
  absl::Status SpreadUnits();
  absl::Status SpreadFamilies();
  absl::Status AddUnits();
  absl::Status AddFamilies();
  absl::Status AddLoans();
  absl::StatusOr<Contribution> LoanBalance(const CityText& loan, bool after);
  void AddDifference(uint32_t city, const Contribution& before,
                     const Contribution& after);

  Batch& batch_;
  const std::map<uint32_t, CityDays>& cities_;
  CellDeltas& deltas_;
  FactReader& facts_;
  // Who begins a key of the batch, in the order of the keys.
  struct Person {
    std::string_view bytes;
    uint32_t groups = 0;  // to look at, as bits
    size_t first = 0;     // change
  };
  std::vector<Person> persons_;
  // Whom other records name or lead to.
  absl::flat_hash_map<std::string, uint32_t> named_persons_;
  PersonUpdate::ChangesByPerson named_;
  std::set<CityText> units_;
  std::set<CityText> families_;
  std::set<CityText> loans_;
};

void Collector::TakeRow(size_t index, const Change& change, const Row& row) {
  const auto type = static_cast<RecordType>(change.type);
  const uint32_t groups = GroupsOf(type);
  if (groups != 0 && row.schema().id_number >= 0) {
    std::string person;
    records::AppendPerson(row.text(row.schema().id_number), &person);
    named_[person].push_back(index);
    named_persons_[std::move(person)] |= groups;
  }
  const auto key_text = [&row] {
    return std::string(row.text(row.schema().key_fields.front()));
  };
  switch (type) {
    case v1::RECORD_TYPE_UNIT:
      units_.insert({change.city, key_text()});
      break;
    case v1::RECORD_TYPE_FAMILY:
    case v1::RECORD_TYPE_FAMILY_MEMBER:
      families_.insert({change.city, key_text()});
      break;
    case v1::RECORD_TYPE_LOAN:
    case v1::RECORD_TYPE_REPAYMENT:
      loans_.insert({change.city, key_text()});
      break;
    default:
      break;
  }
}

void Collector::TakeChange(size_t index, const Change& change) {
  const std::string_view person = records::PersonOfKey(change.record_key());
  if (!person.empty()) {
    if (persons_.empty() || persons_.back().bytes != person) {
      persons_.push_back({person, 0, index});
    }
    persons_.back().groups |= GroupsOf(static_cast<RecordType>(change.type));
    return;
  }
  Row row;
  if (DecodeLive(change.record_key(), change.before, &row)) {
    TakeRow(index, change, row);
  }
  if (DecodeLive(change.record_key(), change.after, &row)) {
    TakeRow(index, change, row);
  }
}

// Everyone insured through a unit whose state of difficulty changed.
absl::Status Collector::SpreadUnits() {
  for (const auto& [city, code] : units_) {
    ASSIGN_OR_RETURN(const auto before, facts_.Unit(city, code, {false}));
    ASSIGN_OR_RETURN(const auto after, facts_.Unit(city, code, {true}));
    if (before == after) continue;
    const std::string prefix =
        IndexPrefix("AAB001", code + std::string(1, '\0'));
    RETURN_IF_ERROR(batch_.snapshot().Scan(
        prefix, {}, [&, city = city](std::string_view key, std::string_view) {
          const RowKey parsed = ParseRowKey(key.substr(prefix.size()));
          const std::string_view person =
              records::PersonOfKey(parsed.record_key);
          if (parsed.city == city && !person.empty()) {
            named_persons_[std::string(person)] |=
                GroupsOf(v1::RECORD_TYPE_ENROLMENT);
          }
          return true;
        }));
  }
  return absl::OkStatus();
}

// All members of a family that changed, or of which a member did.
absl::Status Collector::SpreadFamilies() {
  Row row;
  for (const auto& [city, number] : families_) {
    ASSIGN_OR_RETURN(const auto keys, facts_.MemberKeys(city, number));
    for (const std::string& key : keys) {
      const RowKey parsed = ParseRowKey(key);
      for (const bool after : {false, true}) {
        ASSIGN_OR_RETURN(const auto version,
                         batch_.Read(parsed.record_key, city, {after}));
        if (!DecodeLive(parsed.record_key, version, &row)) continue;
        std::string person;
        records::AppendPerson(row.text(row.schema().id_number), &person);
        named_persons_[std::move(person)] |=
            GroupsOf(v1::RECORD_TYPE_FAMILY_MEMBER);
      }
    }
  }
  return absl::OkStatus();
}

void Collector::AddDifference(uint32_t city, const Contribution& before,
                              const Contribution& after) {
  if (before == after) return;
  const uint32_t day = cities_.at(city).after;
  deltas_.AddContribution(before, city, day, -1);
  deltas_.AddContribution(after, city, day, 1);
}

absl::Status Collector::AddUnits() {
  for (const auto& [city, code] : units_) {
    Contribution before;
    Contribution after;
    ASSIGN_OR_RETURN(const auto old_facts, facts_.Unit(city, code, {false}));
    ASSIGN_OR_RETURN(const auto new_facts, facts_.Unit(city, code, {true}));
    EvaluateUnit(old_facts, &before);
    EvaluateUnit(new_facts, &after);
    AddDifference(city, before, after);
  }
  return absl::OkStatus();
}

absl::Status Collector::AddFamilies() {
  for (const auto& [city, number] : families_) {
    Contribution before;
    Contribution after;
    ASSIGN_OR_RETURN(const auto old_facts,
                     facts_.Family(city, number, {false}));
    ASSIGN_OR_RETURN(const auto new_facts, facts_.Family(city, number, {true}));
    EvaluateFamily(old_facts, &before);
    EvaluateFamily(new_facts, &after);
    AddDifference(city, before, after);
  }
  return absl::OkStatus();
}

absl::StatusOr<Contribution> Collector::LoanBalance(const CityText& loan,
                                                    bool after) {
  const auto& [city, number] = loan;
  const std::string key = TextKey(v1::RECORD_TYPE_LOAN, number);
  ASSIGN_OR_RETURN(const auto version, batch_.Read(key, city, {after}));
  Row loan_row;
  const bool exists = DecodeLive(key, version, &loan_row);
  ASSIGN_OR_RETURN(
      const auto keys,
      batch_.RowKeys("R" + TextKey(v1::RECORD_TYPE_REPAYMENT, number)));
  std::vector<std::unique_ptr<Row>> rows;
  std::vector<const Row*> repayments;
  for (const std::string& row_key : keys) {
    const RowKey parsed = ParseRowKey(row_key);
    if (parsed.city != city) continue;
    ASSIGN_OR_RETURN(const auto repayment,
                     batch_.Read(parsed.record_key, city, {after}));
    rows.push_back(std::make_unique<Row>());
    if (DecodeLive(parsed.record_key, repayment, rows.back().get())) {
      repayments.push_back(rows.back().get());
    }
  }
  Contribution out;
  EvaluateLoanBalance(exists ? &loan_row : nullptr, repayments, &out);
  return out;
}

absl::Status Collector::AddLoans() {
  for (const CityText& loan : loans_) {
    ASSIGN_OR_RETURN(const Contribution before, LoanBalance(loan, false));
    ASSIGN_OR_RETURN(const Contribution after, LoanBalance(loan, true));
    AddDifference(loan.first, before, after);
  }
  return absl::OkStatus();
}

// Keeps the order of the keys, so that neighbours are read together.
void Collector::AddNamedPersons() {
  const auto less = [](const Person& a, const Person& b) {
    return a.bytes < b.bytes;
  };
  const size_t own = persons_.size();
  for (const auto& [bytes, groups] : named_persons_) {
    const auto end = persons_.begin() + static_cast<std::ptrdiff_t>(own);
    const auto found =
        std::lower_bound(persons_.begin(), end, Person{bytes}, less);
    if (found != end && found->bytes == bytes) {
      found->groups |= groups;
    } else {
      persons_.push_back({bytes, groups, 0});
    }
  }
  if (persons_.size() != own) std::sort(persons_.begin(), persons_.end(), less);
}

absl::Status Collector::FindPersons() {
  for (size_t i = 0; i < batch_.changes().size(); ++i) {
    TakeChange(i, batch_.changes()[i]);
  }
  RETURN_IF_ERROR(SpreadUnits());
  RETURN_IF_ERROR(SpreadFamilies());
  AddNamedPersons();
  return absl::OkStatus();
}

absl::Status Collector::AddPersons(size_t begin, size_t end,
                                   const Evaluator& evaluator) const {
  PersonUpdate update(evaluator.batch, evaluator.facts, &cities_, &named_,
                      evaluator.deltas);
  const auto for_each_group = [this](size_t at, const auto& visit) {
    absl::Status status;
    for (size_t i = 0; i < kFigureGroups && status.ok(); ++i) {
      if ((persons_[at].groups >> i & 1) != 0) {
        status = visit(persons_[at], static_cast<FigureGroup>(i));
      }
    }
    return status;
  };
  for (size_t at = begin; at < end; ++at) {
    if (at + kExpectAhead < end) {
      RETURN_IF_ERROR(for_each_group(
          at + kExpectAhead, [&](const Person& person, FigureGroup group) {
            update.Expect(person.bytes, group);
            return absl::OkStatus();
          }));
    }
    RETURN_IF_ERROR(
        for_each_group(at, [&](const Person& person, FigureGroup group) {
          return update.Run(person.bytes, group, person.first);
        }));
  }
  return absl::OkStatus();
}

absl::Status Collector::AddTheRest() {
  RETURN_IF_ERROR(AddUnits());
  RETURN_IF_ERROR(AddFamilies());
  return AddLoans();
}

}  // namespace

absl::StatusOr<std::unique_ptr<DeltaCollector>> DeltaCollector::Start(
    const Evaluator& evaluator, const std::map<uint32_t, CityDays>& cities) {
  auto collector = std::make_unique<Collector>(evaluator, cities);
  RETURN_IF_ERROR(collector->FindPersons());
  return collector;
}

}  // namespace tongchou::aggregator
