// Units and families of one city as a perspective sees them, each read once.
#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "aggregator/indicators/evaluate.h"
#include "aggregator/state/batch.h"
#include "aggregator/state/difficult_units.h"

namespace tongchou::aggregator {

// Decodes into `row`, whose texts are views into the arguments' bytes; false
// when deleted, absent or not readable.
bool DecodeLive(std::string_view record_key, const RecordVersion& version,
                records::Row* row);
bool DecodeLive(std::string_view record_key,
                const std::optional<RecordVersion>& version, records::Row* row);

// The beginning of the keys of a type that does not begin with a person.
std::string TypePrefix(RecordType type);
// Key of a record with one text key field, e.g. a unit's.
std::string TextKey(RecordType type, std::string_view text);

// Shared by all perspectives of a batch. Not thread-safe.
class FactReader {
 public:
  // `units` is as before the batch.
  FactReader(Batch* batch, const DifficultUnits* units);

  absl::StatusOr<std::optional<UnitFacts>> Unit(uint32_t city,
                                                std::string_view code,
                                                const Perspective& from);
  absl::StatusOr<std::optional<FamilyFacts>> Family(uint32_t city,
                                                    std::string_view number,
                                                    const Perspective& from);
  // Of the units that the batch changes; nullopt: not, or no more, in
  // difficulty.
  using UnitChanges = absl::flat_hash_map<std::pair<uint32_t, std::string>,
                                          std::optional<UnitFacts>>;
  const UnitChanges& changed_units() const { return changed_units_; }
  // Row keys of the members' records in the city.
  absl::StatusOr<std::vector<std::string>> MemberKeys(uint32_t city,
                                                      std::string_view number);

 private:
  using Key = std::tuple<uint32_t, std::string, bool>;
  absl::StatusOr<std::optional<UnitFacts>> ReadUnit(uint32_t city,
                                                    std::string_view code,
                                                    const Perspective& from);
  absl::StatusOr<std::optional<FamilyFacts>> ReadFamily(
      uint32_t city, std::string_view number, const Perspective& from);

  Batch& batch_;
  const DifficultUnits& units_;
  UnitChanges changed_units_;
  absl::flat_hash_map<Key, std::optional<FamilyFacts>> families_;
};

class CityJoins final : public Joins {
 public:
  CityJoins(FactReader* facts, uint32_t city, const Perspective& from)
      : facts_(*facts), city_(city), from_(from) {}
  absl::StatusOr<std::optional<UnitFacts>> Unit(
      std::string_view unit_code) override {
    return facts_.Unit(city_, unit_code, from_);
  }
  absl::StatusOr<std::optional<FamilyFacts>> Family(
      std::string_view family_number) override {
    return facts_.Family(city_, family_number, from_);
  }

 private:
  FactReader& facts_;
  const uint32_t city_;
  const Perspective from_;
};

}  // namespace tongchou::aggregator
