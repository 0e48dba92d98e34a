// Cells: the counters behind the figures. A cell keeps its running total at
// each commit day on which it changed, so "now" and "as of any day" are one
// seek. Validity of units and families is kept as deltas by the day on which
// it begins or ends (on_day); other cells have on_day 0.
//
//   'C' kind (1) city (3) county (3) insurance (2) period (4) on_day (4)
//       commit day (4)  ->  running total (8), all big-endian
//
// county 0 is the whole city; city 0 is the province's second line, in which
// every person counts once. Kinds are frozen: they lie on disk.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tongchou::aggregator {

enum class CellKind : uint8_t {
  kInsured = 1,            // K1.1
  kWorking = 2,            // K1.2
  kRuralWorkers = 3,       // K1.3
  kPayersMonth = 4,        // K1.5
  kPayersYear = 5,         // K1.5
  kCollected = 6,          // K1.6, by month
  kFirstMonth = 7,         // K1.7
  kFirstYear = 8,          // K1.7
  kMoved = 10,             // K2
  kMovedInside = 11,       // K2.1
  kMovedOutside = 12,      // K2.2
  kFiled = 20,             // K3.gross, by month
  kLeft = 21,              // K3.attrition
  kFoundWork = 22,         // K3.1
  kHardshipWork = 23,      // K3.2
  kDifficult = 30,         // K5, on_day
  kDifficultWorking = 31,  // K5.1, on_day
  kDifficultHeads = 32,    // K5.heads, on_day
  kLoans = 40,             // K6.count, by month
  kLoanAmount = 41,        // K6.amount
  kLoanJobs = 42,          // K6.jobs
  kBorrowersMonth = 43,    // K6.persons
  kBorrowersYear = 44,     // K6.persons
  kLoanBalance = 45,       // K6.balance
  kFamilies = 50,          // K7.families, on_day
  kFamilyMembers = 51,     // K7.members, on_day
  kFamiliesAgreed = 52,    // K7.agreed, by year
  kFamiliesPlaced = 53,    // K7.placed
};

inline constexpr char kCellSpace = 'C';
// An interval that does not end.
inline constexpr uint32_t kForever = 0xffffffff;

struct Slot {
  CellKind kind = CellKind::kInsured;
  uint32_t county = 0;
  uint16_t insurance = 0;  // 110; 0 = none
  uint32_t period = 0;
  auto operator<=>(const Slot&) const = default;
};

struct Cell {
  Slot slot;
  uint32_t city = 0;
  uint32_t on_day = 0;
  auto operator<=>(const Cell&) const = default;
  template <typename H>
  friend H AbslHashValue(H state, const Cell& cell) {
    return H::combine(std::move(state), static_cast<int>(cell.slot.kind),
                      cell.slot.county, cell.slot.insurance, cell.slot.period,
                      cell.city, cell.on_day);
  }
};

// The key without its commit day, and with it.
std::string CellPrefix(const Cell& cell);
std::string CellKey(const Cell& cell, uint32_t commit_day);
struct ParsedCellKey {
  Cell cell;
  uint32_t commit_day = 0;
};
std::optional<ParsedCellKey> ParseCellKey(std::string_view key);

// Days [from, to) on which a person meets a condition.
struct Interval {
  uint32_t from = 0;
  uint32_t to = kForever;
  auto operator<=>(const Interval&) const = default;
};

// What one person in one city gives to the figures.
class Contribution {
 public:
  // At county and city level; several intervals of a slot are united later.
  void Count(CellKind kind, uint32_t county, uint16_t insurance,
             uint32_t period, Interval days = {});
  void Sum(CellKind kind, uint32_t county, uint16_t insurance, uint32_t period,
           int64_t amount, uint32_t on_day = 0);
  // Sorts and unites; call once after the last Count.
  void Normalise();
  void Clear() {
    counted.clear();
    sums.clear();
  }

  using Counted = std::pair<Slot, Interval>;
  struct Amount {
    Slot slot;
    uint32_t on_day = 0;
    int64_t amount = 0;
    bool operator==(const Amount&) const = default;
  };
  std::vector<Counted> counted;  // sorted, disjoint per slot
  std::vector<Amount> sums;

  bool operator==(const Contribution&) const = default;
};

// Sorts intervals and unites those of one slot that touch.
void UniteIntervals(std::vector<Contribution::Counted>* counted);

}  // namespace tongchou::aggregator
