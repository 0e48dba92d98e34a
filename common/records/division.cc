#include "common/records/division.h"

#include <charconv>

#include "common/base/status.h"
#include "common/records/embedded_data.h"

namespace tongchou::records {
namespace {

constexpr std::string_view kOwnLevelName = "省本级";

// The tables have commas in quotes in their last column only.
std::vector<std::string_view> SplitLine(std::string_view line) {
  std::vector<std::string_view> fields;
  while (true) {
    const size_t comma = line.find(',');
    fields.push_back(line.substr(0, comma));
    if (comma == line.npos) return fields;
    line.remove_prefix(comma + 1);
  }
}

template <typename Visit>
void ForEachRow(std::string_view csv, Visit visit) {
  bool header = true;
  while (!csv.empty()) {
    const size_t end = csv.find('\n');
    std::string_view line = csv.substr(0, end);
    csv.remove_prefix(end == csv.npos ? csv.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!header && !line.empty()) visit(SplitLine(line));
    header = false;
  }
}

uint32_t ToCode(std::string_view text) {
  uint32_t code = 0;
  std::from_chars(text.data(), text.data() + text.size(), code);
  return code;
}

DivisionLevel LevelOf(std::string_view text) {
  if (text == "province") return DivisionLevel::kProvince;
  return text == "prefecture" ? DivisionLevel::kCity : DivisionLevel::kCounty;
}

}  // namespace

Divisions::Divisions() {
  ForEachRow(DivisionsCsv(), [&](const auto& row) {
    Division division{ToCode(row[0]), std::string(row[1]), std::string(row[2]),
                      LevelOf(row[3]), ToCode(row[4])};
    by_code_[division.code] = divisions_.size();
    divisions_.push_back(std::move(division));
  });
  ForEachRow(DivisionsHistoryCsv(), [&](const auto& row) {
    const uint32_t code = ToCode(row[0]);
    if (!by_code_.contains(code)) successors_[code] = ToCode(row[4]);
  });
}

const Divisions& Divisions::Get() {
  static const Divisions* const kDivisions = new Divisions();
  return *kDivisions;
}

const Division* Divisions::Find(uint32_t code) const {
  const auto found = by_code_.find(code);
  return found == by_code_.end() ? nullptr : &divisions_[found->second];
}

bool Divisions::WasEverIssued(uint32_t code) const {
  return by_code_.contains(code) || successors_.contains(code);
}

uint32_t Divisions::CurrentCode(uint32_t code) const {
  if (by_code_.contains(code)) return code;
  const auto found = successors_.find(code);
  return found == successors_.end() ? 0 : found->second;
}

bool Divisions::BelongsTo(uint32_t division, uint32_t city) const {
  if (division == city) return true;
  const Division* current = Find(CurrentCode(division));
  if (current == nullptr || current->level != DivisionLevel::kCounty) {
    return false;
  }
  return city == kProvinceDivision || current->parent == city;
}

absl::StatusOr<uint32_t> Divisions::ParseCity(std::string_view text) const {
  if (text == kOwnLevelName) return kProvinceDivision;
  uint32_t code = ToCode(text);
  if (text.size() == 4 && code >= 1'000) code *= 100;
  for (const Division& division : divisions_) {
    if (division.level == DivisionLevel::kCounty) continue;
    if (division.code == code) return code;
    const std::string_view name = division.name_zh;
    if (division.level == DivisionLevel::kCity &&
        (text == name || text == name.substr(0, name.size() - 3))) {
      return division.code;
    }
  }
  return base::InvalidArgumentError(
      "'{}' is no city of the province; write 360100, 3601 or 南昌", text);
}

std::string Divisions::Name(uint32_t code) const {
  if (code == kProvinceDivision) return std::string(kOwnLevelName);
  const Division* division = Find(code);
  return division == nullptr ? fmt::format("{:06}", code) : division->name_zh;
}

}  // namespace tongchou::records
