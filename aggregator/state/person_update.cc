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

PersonUpdate::CityPart& PersonUpdate::PartOf(uint32_t city) {
  for (CityPart& part : parts()) {
    if (part.city == city) return part;
  }
  if (part_count_ == parts_.size()) parts_.emplace_back();
  CityPart& part = parts_[part_count_++];
  part.city = city;
  part.rows.clear();
  part.before.Clear();
  part.after.Clear();
  part.existed = false;
  part.updated = false;
  return part;
}

void PersonUpdate::AddRow(std::string_view row_key,
                          std::optional<RecordVersion> before,
                          const Change* change) {
  const RowKey key = ParseRowKey(row_key);
  CityPart& part = PartOf(key.city);
  part.existed = part.existed || before.has_value();
  part.rows.push_back({key.record_key, before, change});
}

void PersonUpdate::SetPrefix(std::string_view person, RecordType type) {
  prefix_ = "R";
  prefix_.push_back(records::kPersonSpace);
  prefix_ += person;
  prefix_.push_back(static_cast<char>(type));
}

void PersonUpdate::Expect(std::string_view person, FigureGroup group) {
  for (const RecordType type : TypesOf(group)) {
    if (!records::Schema::Get().At(type).person_centred) continue;
    SetPrefix(person, type);
    batch_.ExpectRows(prefix_);
  }
}

absl::Status PersonUpdate::LoadOwnRows(std::string_view person, RecordType type,
                                       size_t from) {
  SetPrefix(person, type);
  const std::pair<size_t, size_t> range = batch_.RangeOf(prefix_, from);
  const auto& changes = batch_.changes();
  size_t next = range.first;
  const size_t end = range.second;
  if (batch_.MayHaveRows(prefix_)) {
    absl::Status status;
    RETURN_IF_ERROR(batch_.snapshot().ScanPerson(
        prefix_, [&](std::string_view key, std::string_view value) {
          for (; next < end && changes[next].row_key < key; ++next) {
            AddRow(changes[next].row_key, std::nullopt, &changes[next]);
          }
          auto version = batch_.Keep(value);
          status = version.status();
          if (!status.ok()) return false;
          if (next < end && changes[next].row_key == key) {
            batch_.SetBefore(next, *version);
            AddRow(changes[next].row_key, *version, &changes[next]);
            ++next;
          } else {
            AddRow(batch_.KeepKey(key), *version, nullptr);
          }
          return true;
        }));
    RETURN_IF_ERROR(status);
  }
  for (; next < end; ++next) {
    AddRow(changes[next].row_key, std::nullopt, &changes[next]);
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
        keys.emplace_back(change.row_key);
      }
    }
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  for (const std::string& key : keys) {
    const RowKey parsed = ParseRowKey(key);
    ASSIGN_OR_RETURN(auto before,
                     batch_.Read(parsed.record_key, parsed.city, {}));
    AddRow(batch_.KeepKey(key), before, batch_.Find(key));
  }
  return absl::OkStatus();
}

absl::Status PersonUpdate::LoadRows(std::string_view person, FigureGroup group,
                                    size_t from) {
  part_count_ = 0;
  for (const RecordType type : TypesOf(group)) {
    if (records::Schema::Get().At(type).person_centred) {
      RETURN_IF_ERROR(LoadOwnRows(person, type, from));
    } else {
      RETURN_IF_ERROR(LoadNamedRows(person, type));
    }
  }
  return absl::OkStatus();
}

absl::Status PersonUpdate::Evaluate(std::string_view person, FigureGroup group,
                                    const CityPart& part,
                                    const Perspective& from,
                                    Contribution* out) {
  out->Clear();
  rows_.clear();
  for (size_t i = 0; i < part.rows.size(); ++i) {
    const PersonRow& row = part.rows[i];
    std::optional<RecordVersion> version = row.With(from.after);
    if (from.day != kNow) {
      ASSIGN_OR_RETURN(version, batch_.Rewind(version, part.city, from));
    }
    if (row_pool_.size() <= i) {
      row_pool_.push_back(std::make_unique<records::Row>());
    }
    if (DecodeLive(row.record_key, version, row_pool_[i].get()) &&
        NamesPerson(*row_pool_[i], person)) {
      rows_.push_back(row_pool_[i].get());
    }
  }
  CityJoins joins(&facts_, part.city, from);
  return EvaluatePerson(group, rows_, &joins, out);
}

bool PersonUpdate::SomeCityIsAhead(uint32_t day) {
  return std::any_of(parts().begin(), parts().end(), [&](const auto& part) {
    const auto days = cities_.find(part.city);
    return days != cities_.end() && days->second.before > day;
  });
}

absl::Status PersonUpdate::Run(std::string_view person, FigureGroup group,
                               size_t from) {
  RETURN_IF_ERROR(LoadRows(person, group, from));
  uint32_t first_day = kNow;
  uint32_t last_day = 0;
  for (CityPart& part : parts()) {
    if (part.existed) {
      RETURN_IF_ERROR(
          Evaluate(person, group, part, {/*after=*/false}, &part.before));
    }
    RETURN_IF_ERROR(
        Evaluate(person, group, part, {/*after=*/true}, &part.after));
    if (part.before == part.after) continue;
    const uint32_t day = cities_.at(part.city).after;
    first_day = std::min(first_day, day);
    last_day = std::max(last_day, day);
  }
  if (last_day == 0) return absl::OkStatus();
  const bool in_order = first_day == last_day && !SomeCityIsAhead(first_day);
  if (in_order && part_count_ == 1) {
    AddAlone(parts_.front());
    return absl::OkStatus();
  }
  for (const CityPart& part : parts()) {
    if (part.before == part.after) continue;
    const uint32_t day = cities_.at(part.city).after;
    deltas_.AddContribution(part.before, part.city, day, -1);
    deltas_.AddContribution(part.after, part.city, day, 1);
  }
  if (!in_order) return AddOnceInOrder(person, group);
  AddOnceFast(first_day);
  return absl::OkStatus();
}

void PersonUpdate::AddAlone(const CityPart& part) {
  const uint32_t day = cities_.at(part.city).after;
  deltas_.AddAlone(part.before, part.city, day, -1);
  deltas_.AddAlone(part.after, part.city, day, 1);
}

void PersonUpdate::AddOnceFast(uint32_t day) {
  Counted before;
  Counted after;
  for (const CityPart& part : parts()) {
    AppendCityLevel(part.before, &before);
    AppendCityLevel(part.after, &after);
  }
  UniteIntervals(&before);
  UniteIntervals(&after);
  if (before == after) return;
  deltas_.AddOnce(before, day, -1);
  deltas_.AddOnce(after, day, 1);
}

absl::Status PersonUpdate::AddOnceInOrder(std::string_view person,
                                          FigureGroup group) {
  std::vector<std::pair<uint32_t, CityPart*>> changed;  // by day
  for (CityPart& part : parts()) {
    if (part.before != part.after) {
      changed.emplace_back(cities_.at(part.city).after, &part);
    }
  }
  std::sort(changed.begin(), changed.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first, a.second->city) <
           std::pair(b.first, b.second->city);
  });
  for (const auto& [day, part] : changed) {
    RETURN_IF_ERROR(AddOnceOf(person, group, *part));
    part->updated = true;
  }
  return absl::OkStatus();
}

absl::Status PersonUpdate::OthersAt(std::string_view person, FigureGroup group,
                                    uint32_t city, uint32_t day,
                                    uint32_t* next_change, Counted* counted) {
  Contribution other;
  for (const CityPart& part : parts()) {
    if (part.city == city) continue;
    if (cities_.at(part.city).before <= day) {
      AppendCityLevel(part.updated ? part.after : part.before, counted);
      continue;
    }
    RETURN_IF_ERROR(Evaluate(person, group, part,
                             {part.updated, day, next_change}, &other));
    AppendCityLevel(other, counted);
  }
  return absl::OkStatus();
}

// What city `city` changes in the province's line: from its day on, at each
// later day on which another city's part is different.
absl::Status PersonUpdate::AddOnceOf(std::string_view person, FigureGroup group,
                                     const CityPart& part) {
  Counted last_before;
  Counted last_after;
  for (uint32_t day = cities_.at(part.city).after; day != kNow;) {
    uint32_t next_change = kNow;
    Counted before;
    RETURN_IF_ERROR(
        OthersAt(person, group, part.city, day, &next_change, &before));
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
