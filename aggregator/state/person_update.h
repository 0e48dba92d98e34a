// One person's part of a batch, for one group of figures.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "aggregator/state/batch.h"
#include "aggregator/state/cell_deltas.h"
#include "aggregator/state/figure_update.h"
#include "aggregator/state/record_joins.h"

namespace tongchou::aggregator {

// Not thread-safe; reusable for many persons.
class PersonUpdate {
 public:
  // `changed_keys` leads from a person's bytes to the changes, in the batch, of
  // records that name the person in a field (not in front of the key).
  using ChangesByPerson = absl::flat_hash_map<std::string, std::vector<size_t>>;
  PersonUpdate(Batch* batch, FactReader* facts,
               const std::map<uint32_t, CityDays>* cities,
               const ChangesByPerson* named, CellDeltas* deltas)
      : batch_(*batch),
        facts_(*facts),
        cities_(*cities),
        named_(*named),
        deltas_(*deltas) {}

  // `person` as in a record key; its own changes lie at or behind `from` in
  // the batch.
  absl::Status Run(std::string_view person, FigureGroup group, size_t from);
  // That will be called for the person before long.
  void Expect(std::string_view person, FigureGroup group);

 private:
  struct PersonRow {
    std::string_view record_key;
    std::optional<RecordVersion> before;
    const Change* change = nullptr;  // null: the batch leaves it as it is

    std::optional<RecordVersion> With(bool batch) const {
      return batch && change != nullptr ? change->after : before;
    }
  };
  struct CityPart {
    uint32_t city = 0;
    std::vector<PersonRow> rows;
    Contribution before;
    Contribution after;
    bool existed = false;  // there are rows before the batch
    bool updated = false;  // its change is in the province's line already
  };

  void SetPrefix(std::string_view person, RecordType type);
  absl::Status LoadRows(std::string_view person, FigureGroup group,
                        size_t from);
  absl::Status LoadOwnRows(std::string_view person, RecordType type,
                           size_t from);
  absl::Status LoadNamedRows(std::string_view person, RecordType type);
  void AddRow(std::string_view row_key, std::optional<RecordVersion> before,
              const Change* change);
  CityPart& PartOf(uint32_t city);
  std::span<CityPart> parts() { return {parts_.data(), part_count_}; }
  absl::Status Evaluate(std::string_view person, FigureGroup group,
                        const CityPart& part, const Perspective& from,
                        Contribution* out);
  void AddAlone(const CityPart& part);
  void AddOnceFast(uint32_t day);
  absl::Status AddOnceInOrder(std::string_view person, FigureGroup group);
  absl::Status AddOnceOf(std::string_view person, FigureGroup group,
                         const CityPart& part);
  absl::Status OthersAt(std::string_view person, FigureGroup group,
                        uint32_t city, uint32_t day, uint32_t* next_change,
                        std::vector<Contribution::Counted>* counted);
  bool SomeCityIsAhead(uint32_t day);

  Batch& batch_;
  FactReader& facts_;
  const std::map<uint32_t, CityDays>& cities_;
  const ChangesByPerson& named_;
  CellDeltas& deltas_;
  // The first part_count_ are those of the person; the others keep memory.
  std::vector<CityPart> parts_;
  size_t part_count_ = 0;
  std::string prefix_;
  std::vector<const records::Row*> rows_;
  std::vector<std::unique_ptr<records::Row>> row_pool_;
};

}  // namespace tongchou::aggregator
