#include "audit/figures.h"

#include <algorithm>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "audit/city_scan.h"
#include "common/base/status.h"

namespace tongchou::audit {
namespace {

// Stocks of which a city that had committed nothing has none, not 0.
constexpr std::string_view kStocksAsOf[] = {"K4", "K4.390", "K6.balance"};
constexpr std::string_view kStocksOn[] = {
    "K5", "K5.1", "K5.heads", "K5.uninsured", "K7.families", "K7.members"};

void AddTo(FigureTable* table, const FigureName& name, int64_t amount) {
  std::optional<int64_t>& value =
      table->try_emplace(name, std::optional<int64_t>(0)).first->second;
  value = value.value_or(0) + amount;
}

// Persons are numbered as they appear, so most cells met them in order.
void CountDistinct(Emissions* emissions, FigureTable* table) {
  for (size_t cell = 0; cell < emissions->persons.size(); ++cell) {
    std::vector<uint32_t>& persons = emissions->persons[cell];
    if (persons.empty()) continue;
    if (!std::is_sorted(persons.begin(), persons.end())) {
      std::sort(persons.begin(), persons.end());
    }
    const auto end = std::unique(persons.begin(), persons.end());
    AddTo(table, emissions->cells[cell], end - persons.begin());
  }
}

// First provincial line: the sum over the cities.
void AddProvincialSums(FigureTable* table) {
  FigureTable sums;
  for (const auto& [name, value] : *table) {
    if (name.city == 0 || name.county != 0) continue;
    FigureName sum = name;
    sum.city = 0;
    AddTo(&sums, sum, value.value_or(0));
  }
  table->merge(sums);
}

// The year of K3.* is the sum of its months, at every level.
void AddYearsOfMonths(FigureTable* table) {
  FigureTable years;
  for (const auto& [name, value] : *table) {
    if (!name.id.starts_with("K3.")) continue;
    FigureName year = name;
    year.period = name.period / 100;
    AddTo(&years, year, value.value_or(0));
  }
  table->merge(years);
}

// `id` = `plus` - `minus` in every cell that either of them has.
void AddDifference(std::string_view id, std::string_view plus,
                   std::string_view minus, FigureTable* table) {
  FigureTable differences;
  for (const auto& [name, value] : *table) {
    if (name.id != plus && name.id != minus) continue;
    // Heads are no persons: there is nobody to count once.
    if (name.once && plus == "K5.heads") continue;
    FigureName difference = name;
    difference.id = std::string(id);
    AddTo(&differences, difference,
          name.id == plus ? value.value_or(0) : -value.value_or(0));
  }
  table->merge(differences);
}

// K1.4 = K1.1 now - K1.1 on 31 December before; null where the city (for the
// province: any city with data) had committed nothing by then.
void AddNetIncrease(const std::vector<CityScan>& cities, uint32_t as_of,
                    Emissions* opening, FigureTable* table) {
  FigureTable before;
  CountDistinct(opening, &before);
  AddProvincialSums(&before);
  FigureTable increases;
  for (const auto& [name, value] : *table) {
    if (name.id != "K1.1") continue;
    FigureName increase = name;
    increase.id = "K1.4";
    AddTo(&increases, increase, value.value_or(0));
  }
  for (const auto& [name, value] : before) {
    FigureName increase = name;
    increase.id = "K1.4";
    increase.period = as_of;
    AddTo(&increases, increase, -value.value_or(0));
  }
  absl::flat_hash_set<uint32_t> without_opening;
  for (const CityScan& city : cities) {
    if (!city.opening.committed && city.records->first_commit_day() != 0) {
      without_opening.insert(city.records->city());
    }
  }
  for (auto& [name, value] : increases) {
    const bool unknown = name.city == 0 ? !without_opening.empty()
                                        : without_opening.contains(name.city);
    if (unknown) value = std::nullopt;
  }
  table->merge(increases);
}

void EmitOpening(const CityScan& city, uint32_t as_of, Emissions* opening) {
  const uint32_t code = city.records->city();
  for (const auto& [insurance, persons] : city.opening.insured) {
    for (const auto& [county, person] : persons) {
      opening->AddPerson("K1.1", {code, county}, insurance, as_of,
                         opening->PersonOf(person));
    }
  }
}

// A stock of a city that has committed nothing by the day is null.
void AddUnknownStocks(const CityScan& city, uint32_t as_of, uint32_t on,
                      FigureTable* table) {
  if (city.records->first_commit_day() != 0) return;
  const uint32_t code = city.records->city();
  for (const std::string_view id : kStocksAsOf) {
    (*table)[{std::string(id), false, code, 0, "", as_of}] = std::nullopt;
  }
  for (const std::string_view id : kStocksOn) {
    (*table)[{std::string(id), false, code, 0, "", on}] = std::nullopt;
  }
}

}  // namespace

std::string Describe(const FigureName& name) {
  std::string text = name.id;
  const auto add = [&text](std::string_view what, std::string_view value) {
    text.append(" ").append(what).append(" ").append(value);
  };
  if (name.city == 0) {
    text += name.once ? " province (every person once)" : " province";
  } else {
    add("city", std::to_string(name.city));
  }
  if (name.county != 0) add("county", std::to_string(name.county));
  if (!name.insurance.empty()) add("insurance", name.insurance);
  if (name.period != 0) add("period", std::to_string(name.period));
  return text;
}

FigureTable ComputeFigures(const std::vector<CityScan>& cities, uint32_t as_of,
                           uint32_t on) {
  Emissions now;
  Emissions opening;
  for (const CityScan& city : cities) {
    ScanCity(*city.records, as_of, on, &now);
    EmitOpening(city, as_of, &opening);
  }
  FigureTable table;
  CountDistinct(&now, &table);
  for (const auto& [cell, amount] : now.sums) {
    AddTo(&table, now.cells[cell], amount);
  }
  AddProvincialSums(&table);
  AddYearsOfMonths(&table);
  AddDifference("K3.net", "K3.gross", "K3.attrition", &table);
  AddDifference("K5.uninsured", "K5.heads", "K5.1", &table);
  AddNetIncrease(cities, as_of, &opening, &table);
  for (const CityScan& city : cities) {
    AddUnknownStocks(city, as_of, on, &table);
  }
  return table;
}

}  // namespace tongchou::audit
