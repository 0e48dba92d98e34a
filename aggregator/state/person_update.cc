#include "aggregator/state/person_update.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/records/record_key.h"

namespace tongchou::aggregator {
namespace {

using Counted = std::vector<Contribution::Counted>;

void AppendCityLevel(const Contribution& contribution, Counted* out) {
  for (const auto& one : contribution.counted) {
    if (one.first.county == 0) out->push_back(one);
  }
}

bool NamesPerson(const records::Row& row, std::string_view person) {
  if (row.schema().person_centred) return true;  // it was found by its key
  const int field = row.schema().id_number;
  if (field < 0 || !row.has(field)) return false;
  std::string component;
  records::AppendPerson(row.text(field), &component);
  return component == person;
}

}  // namespace

void PersonUpdate::AddRow(std::string_view row_key,
                          std::optional<RecordVersion> before) {
  const RowKey key = ParseRowKey(row_key);
  PersonRow row;
  row.record_key = key.record_key;
  const Change* change = batch_.Find(row_key);
  row.changed = change != nullptr;
  if (row.changed) row.after = change->after;
  row.before = std::move(before);
  parts_[key.city].rows.push_back(std::move(row));
}

absl::Status PersonUpdate::LoadOwnRows(std::string_view person,
                                       RecordType type) {
  std::string prefix = "R";
  prefix.push_back(records::kPersonSpace);
  prefix += person;
  prefix.push_back(static_cast<char>(type));
  const std::pair<size_t, size_t> range = batch_.RangeOf(prefix);
  size_t next = range.first;
  const size_t end = range.second;
  absl::Status status;
  RETURN_IF_ERROR(batch_.snapshot().ScanPerson(
      prefix, [&](std::string_view key, std::string_view value) {
        for (; next < end && batch_.changes()[next].row_key < key; ++next) {
          AddRow(batch_.changes()[next].row_key, std::nullopt);
        }
        auto version = DecodeVersion(value);
        status = version.status();
        if (!status.ok()) return false;
        if (next < end && batch_.changes()[next].row_key == key) {
          batch_.SetBefore(next++, *version);
        }
        AddRow(key, *std::move(version));
        return true;
      }));
  RETURN_IF_ERROR(status);
  for (; next < end; ++next) {
    AddRow(batch_.changes()[next].row_key, std::nullopt);
  }
  return absl::OkStatus();
}

absl::Status PersonUpdate::LoadNamedRows(std::string_view person,
                                         RecordType type) {
  std::string prefix = IndexPrefix("AAC002", person);
  const size_t skip = prefix.size();
  prefix.push_back(records::kTypeSpace);
  prefix.push_back(static_cast<char>(type));
  std::vector<std::string> keys;
  RETURN_IF_ERROR(batch_.snapshot().Scan(
      prefix, {}, [&](std::string_view key, std::string_view) {
        keys.push_back("R" + std::string(key.substr(skip)));
        return true;
      }));
  const auto named = named_.find(std::string(person));
  if (named != named_.end()) {
    for (const size_t i : named->second) {
      const Change& change = batch_.changes()[i];
      if (change.type == static_cast<uint32_t>(type)) {
        keys.push_back(change.row_key);
      }
    }
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  for (const std::string& key : keys) {
    const RowKey parsed = ParseRowKey(key);
    ASSIGN_OR_RETURN(auto before,
                     batch_.Read(parsed.record_key, parsed.city, {}));
    AddRow(key, std::move(before));
  }
  return absl::OkStatus();
}

absl::Status PersonUpdate::LoadRows(std::string_view person,
                                    FigureGroup group) {
  parts_.clear();
  for (const RecordType type : TypesOf(group)) {
    if (records::Schema::Get().At(type).person_centred) {
      RETURN_IF_ERROR(LoadOwnRows(person, type));
    } else {
      RETURN_IF_ERROR(LoadNamedRows(person, type));
    }
  }
  return absl::OkStatus();
}

absl::Status PersonUpdate::Evaluate(std::string_view person, FigureGroup group,
                                    uint32_t city, const CityPart& part,
                                    const Perspective& from,
                                    Contribution* out) {
  out->Clear();
  std::vector<const records::Row*> rows;
  // Texts of the rows are views into the versions: those of the part, or past
  // ones kept here.
  std::vector<std::optional<RecordVersion>> past(
      from.day == kNow ? 0 : part.rows.size());
  for (size_t i = 0; i < part.rows.size(); ++i) {
    const PersonRow& row = part.rows[i];
    const auto* version = from.after && row.changed ? &row.after : &row.before;
    if (from.day != kNow) {
      ASSIGN_OR_RETURN(past[i], batch_.Rewind(*version, city, from));
      version = &past[i];
    }
    if (row_pool_.size() <= i) {
      row_pool_.push_back(std::make_unique<records::Row>());
    }
    if (DecodeLive(row.record_key, *version, row_pool_[i].get()) &&
        NamesPerson(*row_pool_[i], person)) {
      rows.push_back(row_pool_[i].get());
    }
  }
  CityJoins joins(&facts_, city, from);
  return EvaluatePerson(group, rows, &joins, out);
}

bool PersonUpdate::SomeCityIsAhead(uint32_t day) const {
  return std::any_of(parts_.begin(), parts_.end(), [&](const auto& part) {
    const auto days = cities_.find(part.first);
    return days != cities_.end() && days->second.before > day;
  });
}

absl::Status PersonUpdate::Run(std::string_view person, FigureGroup group) {
  RETURN_IF_ERROR(LoadRows(person, group));
  uint32_t first_day = kNow;
  uint32_t last_day = 0;
  for (auto& [city, part] : parts_) {
    RETURN_IF_ERROR(
        Evaluate(person, group, city, part, {/*after=*/false}, &part.before));
    RETURN_IF_ERROR(
        Evaluate(person, group, city, part, {/*after=*/true}, &part.after));
    if (part.before == part.after) continue;
    const uint32_t day = cities_.at(city).after;
    deltas_.AddContribution(part.before, city, day, -1);
    deltas_.AddContribution(part.after, city, day, 1);
    first_day = std::min(first_day, day);
    last_day = std::max(last_day, day);
  }
  if (last_day == 0) return absl::OkStatus();
  if (first_day == last_day && !SomeCityIsAhead(first_day)) {
    return AddOnceFast(first_day);
  }
  return AddOnceInOrder(person, group);
}

absl::Status PersonUpdate::AddOnceFast(uint32_t day) {
  Counted before;
  Counted after;
  for (const auto& [city, part] : parts_) {
    AppendCityLevel(part.before, &before);
    AppendCityLevel(part.after, &after);
  }
  UniteIntervals(&before);
  UniteIntervals(&after);
  if (before == after) return absl::OkStatus();
  deltas_.AddOnce(before, day, -1);
  deltas_.AddOnce(after, day, 1);
  return absl::OkStatus();
}

absl::Status PersonUpdate::AddOnceInOrder(std::string_view person,
                                          FigureGroup group) {
  std::vector<std::pair<uint32_t, uint32_t>> changed;  // day, city
  for (const auto& [city, part] : parts_) {
    if (part.before != part.after) {
      changed.emplace_back(cities_.at(city).after, city);
    }
  }
  std::sort(changed.begin(), changed.end());
  for (const auto& [day, city] : changed) {
    RETURN_IF_ERROR(AddOnceOf(person, group, city));
    parts_[city].updated = true;
  }
  return absl::OkStatus();
}

absl::Status PersonUpdate::OthersAt(std::string_view person, FigureGroup group,
                                    uint32_t city, uint32_t day,
                                    uint32_t* next_change, Counted* counted) {
  Contribution other;
  for (const auto& [code, part] : parts_) {
    if (code == city) continue;
    if (cities_.at(code).before <= day) {
      AppendCityLevel(part.updated ? part.after : part.before, counted);
      continue;
    }
    RETURN_IF_ERROR(Evaluate(person, group, code, part,
                             {part.updated, day, next_change}, &other));
    AppendCityLevel(other, counted);
  }
  return absl::OkStatus();
}

// What city `city` changes in the province's line: from its day on, at each
// later day on which another city's part is different.
absl::Status PersonUpdate::AddOnceOf(std::string_view person, FigureGroup group,
                                     uint32_t city) {
  const CityPart& part = parts_[city];
  Counted last_before;
  Counted last_after;
  for (uint32_t day = cities_.at(city).after; day != kNow;) {
    uint32_t next_change = kNow;
    Counted before;
    RETURN_IF_ERROR(OthersAt(person, group, city, day, &next_change, &before));
    Counted after = before;
    AppendCityLevel(part.before, &before);
    AppendCityLevel(part.after, &after);
    UniteIntervals(&before);
    UniteIntervals(&after);
    deltas_.AddOnce(before, day, -1);
    deltas_.AddOnce(after, day, 1);
    deltas_.AddOnce(last_before, day, 1);
    deltas_.AddOnce(last_after, day, -1);
    last_before = std::move(before);
    last_after = std::move(after);
    day = next_change;
  }
  return absl::OkStatus();
}

}  // namespace tongchou::aggregator
