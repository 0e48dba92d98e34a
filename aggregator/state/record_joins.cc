#include "aggregator/state/record_joins.h"

#include "common/base/status.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"

namespace tongchou::aggregator {

bool DecodeLive(std::string_view record_key, const RecordVersion& version,
                records::Row* row) {
  if (version.deleted) return false;
  const auto type = records::TypeOfKey(record_key);
  const records::RecordSchema* schema =
      type.has_value() ? records::Schema::Get().Find(*type) : nullptr;
  if (schema == nullptr) return false;
  row->Reset(*schema);
  return records::DecodeRow(record_key, version.record, row).ok();
}

bool DecodeLive(std::string_view record_key,
                const std::optional<RecordVersion>& version,
                records::Row* row) {
  return version.has_value() && DecodeLive(record_key, *version, row);
}

std::string TypePrefix(RecordType type) {
  return {records::kTypeSpace, static_cast<char>(type)};
}

std::string TextKey(RecordType type, std::string_view text) {
  std::string key = TypePrefix(type);
  key += text;
  key.push_back('\0');
  return key;
}

FactReader::FactReader(Batch* batch, const DifficultUnits* units)
    : batch_(*batch), units_(*units) {
  const auto [begin, end] =
      batch_.RangeOf("R" + TypePrefix(v1::RECORD_TYPE_UNIT));
  records::Row row;
  for (size_t i = begin; i < end; ++i) {
    const Change& change = batch_.changes()[i];
    row.Reset(records::Schema::Get().At(v1::RECORD_TYPE_UNIT));
    if (!records::DecodeKey(change.record_key(), &row).ok()) continue;
    std::string code(row.text(row.schema().key_fields.front()));
    std::optional<UnitFacts> facts;
    if (DecodeLive(change.record_key(), change.after, &row)) {
      facts = FactsOfUnit(row);
    }
    changed_units_[{change.city, std::move(code)}] = facts;
  }
}

absl::StatusOr<std::optional<UnitFacts>> FactReader::ReadUnit(
    uint32_t city, std::string_view code, const Perspective& from) {
  const std::string key = TextKey(v1::RECORD_TYPE_UNIT, code);
  ASSIGN_OR_RETURN(const auto version, batch_.Read(key, city, from));
  records::Row row;
  if (!DecodeLive(key, version, &row)) return std::optional<UnitFacts>();
  return FactsOfUnit(row);
}

absl::StatusOr<std::optional<UnitFacts>> FactReader::Unit(
    uint32_t city, std::string_view code, const Perspective& from) {
  if (from.day != kNow) return ReadUnit(city, code, from);
  if (from.after && !changed_units_.empty()) {
    const auto changed = changed_units_.find({city, std::string(code)});
    if (changed != changed_units_.end()) return changed->second;
  }
  return units_.Find(city, code);
}

absl::StatusOr<std::vector<std::string>> FactReader::MemberKeys(
    uint32_t city, std::string_view number) {
  ASSIGN_OR_RETURN(
      std::vector<std::string> keys,
      batch_.RowKeys("R" + TextKey(v1::RECORD_TYPE_FAMILY_MEMBER, number)));
  std::erase_if(keys, [city](const std::string& key) {
    return ParseRowKey(key).city != city;
  });
  return keys;
}

absl::StatusOr<std::optional<FamilyFacts>> FactReader::ReadFamily(
    uint32_t city, std::string_view number, const Perspective& from) {
  const std::string key = TextKey(v1::RECORD_TYPE_FAMILY, number);
  ASSIGN_OR_RETURN(const auto version, batch_.Read(key, city, from));
  records::Row row;
  if (!DecodeLive(key, version, &row)) return std::optional<FamilyFacts>();
  FamilyFacts facts = FactsOfFamily(row);
  ASSIGN_OR_RETURN(const auto members, MemberKeys(city, number));
  for (const std::string& member : members) {
    const std::string_view member_key = ParseRowKey(member).record_key;
    ASSIGN_OR_RETURN(const auto member_version,
                     batch_.Read(member_key, city, from));
    if (DecodeLive(member_key, member_version, &row)) {
      facts.placed = facts.placed || IsPlaced(row);
    }
  }
  return std::optional<FamilyFacts>(facts);
}

absl::StatusOr<std::optional<FamilyFacts>> FactReader::Family(
    uint32_t city, std::string_view number, const Perspective& from) {
  if (from.day != kNow) return ReadFamily(city, number, from);
  const Key key(city, number, from.after);
  const auto found = families_.find(key);
  if (found != families_.end()) return found->second;
  ASSIGN_OR_RETURN(auto facts, ReadFamily(city, number, from));
  families_[key] = facts;
  return facts;
}

}  // namespace tongchou::aggregator
