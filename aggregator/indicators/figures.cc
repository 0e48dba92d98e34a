#include "aggregator/indicators/figures.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "aggregator/indicators/cell.h"
#include "common/base/big_endian.h"
#include "common/base/status.h"

namespace tongchou::aggregator {
namespace {

constexpr uint16_t kUrbanResidents = 391;
constexpr uint16_t kRuralResidents = 390;

// What a period of the kind's cells stands for in the figure.
enum class Period { kAsOf, kOn, kOwn, kMonthAndSummedYear };

struct KindRule {
  CellKind kind;
  std::string_view id;
  Period period;
};

constexpr std::array kRules = {
    KindRule{CellKind::kInsured, "K1.1", Period::kAsOf},
    KindRule{CellKind::kWorking, "K1.2", Period::kAsOf},
    KindRule{CellKind::kRuralWorkers, "K1.3", Period::kAsOf},
    KindRule{CellKind::kPayersMonth, "K1.5", Period::kOwn},
    KindRule{CellKind::kPayersYear, "K1.5", Period::kOwn},
    KindRule{CellKind::kCollected, "K1.6", Period::kMonthAndSummedYear},
    KindRule{CellKind::kFirstMonth, "K1.7", Period::kOwn},
    KindRule{CellKind::kFirstYear, "K1.7", Period::kOwn},
    KindRule{CellKind::kMoved, "K2", Period::kOwn},
    KindRule{CellKind::kMovedInside, "K2.1", Period::kOwn},
    KindRule{CellKind::kMovedOutside, "K2.2", Period::kOwn},
    KindRule{CellKind::kFiled, "K3.gross", Period::kMonthAndSummedYear},
    KindRule{CellKind::kLeft, "K3.attrition", Period::kMonthAndSummedYear},
    KindRule{CellKind::kFoundWork, "K3.1", Period::kMonthAndSummedYear},
    KindRule{CellKind::kHardshipWork, "K3.2", Period::kMonthAndSummedYear},
    KindRule{CellKind::kDifficult, "K5", Period::kOn},
    KindRule{CellKind::kDifficultWorking, "K5.1", Period::kOn},
    KindRule{CellKind::kDifficultHeads, "K5.heads", Period::kOn},
    KindRule{CellKind::kLoans, "K6.count", Period::kMonthAndSummedYear},
    KindRule{CellKind::kLoanAmount, "K6.amount", Period::kMonthAndSummedYear},
    KindRule{CellKind::kLoanJobs, "K6.jobs", Period::kMonthAndSummedYear},
    KindRule{CellKind::kBorrowersMonth, "K6.persons", Period::kOwn},
    KindRule{CellKind::kBorrowersYear, "K6.persons", Period::kOwn},
    KindRule{CellKind::kLoanBalance, "K6.balance", Period::kAsOf},
    KindRule{CellKind::kFamilies, "K7.families", Period::kOn},
    KindRule{CellKind::kFamilyMembers, "K7.members", Period::kOn},
    KindRule{CellKind::kFamiliesAgreed, "K7.agreed", Period::kOwn},
    KindRule{CellKind::kFamiliesPlaced, "K7.placed", Period::kOwn},
};

// Stocks of which a city that had committed nothing has none, not 0.
constexpr std::array<std::string_view, 3> kStocksAsOf = {"K4", "K4.390",
                                                         "K6.balance"};
constexpr std::array<std::string_view, 6> kStocksOn = {
    "K5", "K5.1", "K5.heads", "K5.uninsured", "K7.families", "K7.members"};

const KindRule* RuleOf(CellKind kind) {
  const auto found =
      std::find_if(kRules.begin(), kRules.end(),
                   [kind](const KindRule& rule) { return rule.kind == kind; });
  return found == kRules.end() ? nullptr : &*found;
}

void AddTo(Figures* figures, const FigureKey& key, int64_t amount) {
  auto& value =
      figures->try_emplace(key, std::optional<int64_t>(0)).first->second;
  value = value.value_or(0) + amount;
}

void AddCell(const Cell& cell, int64_t total, const FigureDays& days,
             Figures* figures) {
  const KindRule* rule = RuleOf(cell.slot.kind);
  if (rule == nullptr || cell.on_day > days.on) return;
  FigureKey key{std::string(rule->id), cell.city == 0,      cell.city,
                cell.slot.county,      cell.slot.insurance, cell.slot.period};
  if (rule->period == Period::kAsOf) key.period = days.as_of;
  if (rule->period == Period::kOn) key.period = days.on;
  std::vector<FigureKey> keys = {key};
  if (rule->period == Period::kMonthAndSummedYear) {
    keys.push_back(key);
    keys.back().period = key.period / 100;
  }
  if (cell.slot.kind == CellKind::kCollected) {
    for (size_t i = 0; i < 2; ++i) {
      keys.push_back(keys[i]);
      keys.back().insurance = 0;
    }
  }
  if (cell.slot.kind == CellKind::kInsured &&
      (key.insurance == kUrbanResidents || key.insurance == kRuralResidents)) {
    keys.push_back(key);
    keys.back().id = key.insurance == kUrbanResidents ? "K4" : "K4.390";
    keys.back().insurance = 0;
  }
  for (const FigureKey& one : keys) AddTo(figures, one, total);
}

// Visits the total of each cell as of the day; emptied cells are as if they
// had never been.
absl::Status ForEachTotal(
    const StateSnapshot& snapshot, std::string_view prefix, uint32_t as_of,
    const std::function<void(const Cell&, int64_t)>& visit) {
  std::optional<Cell> current;
  int64_t total = 0;
  const absl::Status status = snapshot.Scan(
      prefix, {}, [&](std::string_view key, std::string_view value) {
        const auto parsed = ParseCellKey(key);
        if (!parsed.has_value() || parsed->commit_day > as_of) return true;
        if (current.has_value() && *current != parsed->cell && total != 0) {
          visit(*current, total);
        }
        current = parsed->cell;
        total = static_cast<int64_t>(base::ReadBigEndian(value));
        return true;
      });
  if (status.ok() && current.has_value() && total != 0) {
    visit(*current, total);
  }
  return status;
}

// The province's first line: the sum over the cities.
void AddProvincialSums(Figures* figures) {
  Figures sums;
  for (const auto& [key, value] : *figures) {
    if (key.city == 0 || key.county != 0) continue;
    FigureKey sum = key;
    sum.city = 0;
    AddTo(&sums, sum, value.value_or(0));
  }
  figures->merge(sums);
}

void AddDifference(std::string_view id, std::string_view plus,
                   std::string_view minus, bool with_once, Figures* figures) {
  Figures differences;
  for (const auto& [key, value] : *figures) {
    if ((key.id != plus && key.id != minus) || (key.once && !with_once)) {
      continue;
    }
    FigureKey difference = key;
    difference.id = id;
    AddTo(&differences, difference,
          key.id == plus ? value.value_or(0) : -value.value_or(0));
  }
  figures->merge(differences);
}

uint32_t EndOfYearBefore(uint32_t day) {
  return (day / 10'000 - 1) * 10'000 + 1231;
}

// K1.4 = K1.1 now - K1.1 on 31 December before; null where the city (for the
// province: any city with data) had committed nothing by then.
absl::Status AddNetIncrease(const StateSnapshot& snapshot,
                            const Position& position, uint32_t as_of,
                            Figures* figures) {
  const uint32_t opening_day = EndOfYearBefore(as_of);
  Figures opening;
  const std::string prefix = {kCellSpace,
                              static_cast<char>(CellKind::kInsured)};
  RETURN_IF_ERROR(ForEachTotal(
      snapshot, prefix, opening_day, [&](const Cell& cell, int64_t total) {
        AddTo(&opening,
              {"K1.4", cell.city == 0, cell.city, cell.slot.county,
               cell.slot.insurance, as_of},
              -total);
      }));
  AddProvincialSums(&opening);
  Figures increases = std::move(opening);
  for (const auto& [key, value] : *figures) {
    if (key.id != "K1.1") continue;
    FigureKey increase = key;
    increase.id = "K1.4";
    AddTo(&increases, increase, value.value_or(0));
  }
  std::set<uint32_t> without_opening;
  for (const auto& [code, city] : position.cities) {
    if (city.first_commit_day > opening_day && city.first_commit_day <= as_of) {
      without_opening.insert(code);
    }
  }
  for (auto& [key, value] : increases) {
    const bool unknown = key.city == 0 ? !without_opening.empty()
                                       : without_opening.contains(key.city);
    if (unknown) value = std::nullopt;
  }
  figures->merge(increases);
  return absl::OkStatus();
}

void AddUnknownStocks(const Position& position, const FigureDays& days,
                      Figures* figures) {
  for (const auto& [code, city] : position.cities) {
    if (city.first_commit_day != 0 && city.first_commit_day <= days.as_of) {
      continue;
    }
    for (const std::string_view id : kStocksAsOf) {
      (*figures)[{std::string(id), false, code, 0, 0, days.as_of}] =
          std::nullopt;
    }
    for (const std::string_view id : kStocksOn) {
      (*figures)[{std::string(id), false, code, 0, 0, days.on}] = std::nullopt;
    }
  }
}

}  // namespace

const std::vector<std::string>& FigureIds() {
  static const auto* const kIds = new std::vector<std::string>{
      "K1.1",         "K1.2",         "K1.3",       "K1.4",      "K1.5",
      "K1.6",         "K1.7",         "K2",         "K2.1",      "K2.2",
      "K3.gross",     "K3.attrition", "K3.net",     "K3.1",      "K3.2",
      "K4",           "K4.390",       "K5",         "K5.1",      "K5.heads",
      "K5.uninsured", "K6.count",     "K6.amount",  "K6.jobs",   "K6.persons",
      "K6.balance",   "K7.families",  "K7.members", "K7.agreed", "K7.placed"};
  return *kIds;
}

absl::StatusOr<Figures> ComputeFigures(const StateSnapshot& snapshot,
                                       const Position& position,
                                       const FigureDays& days) {
  Figures figures;
  RETURN_IF_ERROR(ForEachTotal(snapshot, std::string(1, kCellSpace), days.as_of,
                               [&](const Cell& cell, int64_t total) {
                                 AddCell(cell, total, days, &figures);
                               }));
  AddProvincialSums(&figures);
  AddDifference("K3.net", "K3.gross", "K3.attrition", true, &figures);
  AddDifference("K5.uninsured", "K5.heads", "K5.1", false, &figures);
  RETURN_IF_ERROR(AddNetIncrease(snapshot, position, days.as_of, &figures));
  AddUnknownStocks(position, days, &figures);
  return figures;
}

absl::StatusOr<std::vector<uint32_t>> CommitDays(const StateSnapshot& snapshot,
                                                 uint32_t as_of) {
  std::set<uint32_t> days;
  RETURN_IF_ERROR(snapshot.Scan(std::string(1, kCellSpace), {},
                                [&](std::string_view key, std::string_view) {
                                  const auto parsed = ParseCellKey(key);
                                  if (parsed.has_value() &&
                                      parsed->commit_day <= as_of) {
                                    days.insert(parsed->commit_day);
                                  }
                                  return true;
                                }));
  return std::vector<uint32_t>(days.begin(), days.end());
}

}  // namespace tongchou::aggregator
