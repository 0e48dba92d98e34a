// What records give to the figures: the definitions of
// docs/import-and-figures.md over one person, unit, family or loan at a time.
// Pure functions; nothing here reads a database.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "aggregator/indicators/cell.h"
#include "common/records/row.h"

namespace tongchou::aggregator {

using records::RecordType;

// Figures that read the same record types of a person.
enum class FigureGroup : uint8_t {
  kEnrolment,     // K1.1-K1.3, K1.7, K5, K5.1
  kContribution,  // K1.5, K1.6
  kFiling,        // K3.gross, K3.attrition
  kUnemployment,  // K3.1
  kHardship,      // K3.2
  kRural,         // K2
  kLoan,          // K6 but the balance
  kFamily,        // K7.members
};
inline constexpr size_t kFigureGroups = 8;

// The record types of a person that a group reads.
const std::vector<RecordType>& TypesOf(FigureGroup group);
// The groups that read the type, as bits; 0 = none.
uint32_t GroupsOf(RecordType type);

// A unit that is, or was, recognised as in difficulty.
struct UnitFacts {
  uint32_t county = 0;
  int64_t heads = 0;
  Interval difficult;
  bool operator==(const UnitFacts&) const = default;
};
// nullopt: never in difficulty.
std::optional<UnitFacts> FactsOfUnit(const records::Row& unit);

struct FamilyFacts {
  uint32_t county = 0;
  bool confirmed = false;
  uint32_t agreed_year = 0;
  Interval valid;
  bool placed = false;  // at least one member was
};
FamilyFacts FactsOfFamily(const records::Row& family);
bool IsPlaced(const records::Row& family_member);

// Records of the same city that others refer to.
class Joins {
 public:
  virtual ~Joins() = default;
  virtual absl::StatusOr<std::optional<UnitFacts>> Unit(
      std::string_view unit_code) = 0;
  virtual absl::StatusOr<std::optional<FamilyFacts>> Family(
      std::string_view family_number) = 0;
};

// Adds what the person's rows in one city (those of the group's types, not
// deleted) give.
absl::Status EvaluatePerson(FigureGroup group,
                            const std::vector<const records::Row*>& rows,
                            Joins* joins, Contribution* out);

// Sums of one unit, one family, one loan with the repayments of its number.
void EvaluateUnit(const std::optional<UnitFacts>& unit, Contribution* out);
void EvaluateFamily(const std::optional<FamilyFacts>& family,
                    Contribution* out);
void EvaluateLoanBalance(const records::Row* loan,
                         const std::vector<const records::Row*>& repayments,
                         Contribution* out);

// Of an AAB301, under today's code.
uint32_t CountyOf(const records::Row& row);

}  // namespace tongchou::aggregator
