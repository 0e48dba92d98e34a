// Units and families of one city as a perspective sees them, each read once.
#pragma once

#include <string>
#include <string_view>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "aggregator/indicators/evaluate.h"
#include "aggregator/state/batch.h"

namespace tongchou::aggregator {

// Decodes into `row`, whose texts are views into the arguments; false when
// deleted, absent or not readable.
bool DecodeLive(std::string_view record_key, const RecordVersion& version,
                records::Row* row);
bool DecodeLive(std::string_view record_key,
                const std::optional<RecordVersion>& version, records::Row* row);
// A temporary would leave the row with views into nothing.
bool DecodeLive(std::string_view record_key, RecordVersion&& version,
                records::Row* row) = delete;

// Key of a record with one text key field, e.g. a unit's.
std::string TextKey(RecordType type, std::string_view text);

// Shared by all perspectives of a batch. Not thread-safe.
class FactReader {
 public:
  explicit FactReader(Batch* batch) : batch_(*batch) {}

  absl::StatusOr<std::optional<UnitFacts>> Unit(uint32_t city,
                                                std::string_view code,
                                                const Perspective& from);
  absl::StatusOr<std::optional<FamilyFacts>> Family(uint32_t city,
                                                    std::string_view number,
                                                    const Perspective& from);
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
  absl::flat_hash_map<Key, std::optional<UnitFacts>> units_;
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
