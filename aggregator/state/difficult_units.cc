#include "aggregator/state/difficult_units.h"

#include "aggregator/state/record_joins.h"
#include "common/base/status.h"
#include "common/records/record_key.h"

namespace tongchou::aggregator {

absl::Status DifficultUnits::Load(const StateSnapshot& snapshot) {
  absl::Status failed;
  records::Row row;
  RETURN_IF_ERROR(snapshot.Scan(
      "R" + TypePrefix(v1::RECORD_TYPE_UNIT), {},
      [&](std::string_view key, std::string_view value) {
        const auto version = DecodeVersion(value);
        failed = version.status();
        if (!failed.ok()) return false;
        const RowKey parsed = ParseRowKey(key);
        if (DecodeLive(parsed.record_key, *version, &row)) {
          Set(parsed.city, row.text(row.schema().key_fields.front()),
              FactsOfUnit(row));
        }
        return true;
      }));
  return failed;
}

std::optional<UnitFacts> DifficultUnits::Find(uint32_t city,
                                              std::string_view code) const {
  const auto units = cities_.find(city);
  if (units == cities_.end()) return std::nullopt;
  const auto found =
      units->second.find(absl::string_view(code.data(), code.size()));
  if (found == units->second.end()) return std::nullopt;
  return found->second;
}

void DifficultUnits::Set(uint32_t city, std::string_view code,
                         const std::optional<UnitFacts>& facts) {
  if (facts.has_value()) {
    cities_[city][std::string(code)] = *facts;
    return;
  }
  const auto units = cities_.find(city);
  if (units != cities_.end()) units->second.erase(std::string(code));
}

}  // namespace tongchou::aggregator
