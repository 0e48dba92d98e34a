#include "aggregator/state/cell_deltas.h"

#include <algorithm>
#include <cstring>

#include "common/base/big_endian.h"
#include "common/base/status.h"

namespace tongchou::aggregator {
namespace {

// Appends numbers of fixed lengths.
template <typename... Numbers>
void AppendNumbers(std::string* out, Numbers... numbers) {
  char bytes[(sizeof(Numbers) + ...)];
  char* to = bytes;
  ((std::memcpy(to, &numbers, sizeof(numbers)), to += sizeof(numbers)), ...);
  out->append(bytes, sizeof(bytes));
}

// Equal bytes if and only if the contributions are equal: all parts have fixed
// lengths, and the number of those of the first kind stands in front.
void AppendContent(const Contribution& contribution, std::string* out) {
  AppendNumbers(out, contribution.counted.size());
  for (const auto& [slot, days] : contribution.counted) {
    AppendNumbers(out, slot.kind, slot.county, slot.insurance, slot.period,
                  days.from, days.to);
  }
  for (const Contribution::Amount& sum : contribution.sums) {
    AppendNumbers(out, sum.slot.kind, sum.slot.county, sum.slot.insurance,
                  sum.slot.period, sum.on_day, sum.amount);
  }
}

}  // namespace

void CellDeltas::Add(const Cell& cell, uint32_t commit_day, int64_t amount) {
  amounts_[{cell, commit_day}] += amount;
}

void CellDeltas::AddInterval(Cell cell, const Interval& days,
                             uint32_t commit_day, int64_t times) {
  cell.on_day = days.from;
  Add(cell, commit_day, times);
  if (days.to == kForever) return;
  cell.on_day = days.to;
  Add(cell, commit_day, -times);
}

void CellDeltas::AddContribution(const Contribution& contribution,
                                 uint32_t city, uint32_t commit_day,
                                 int64_t times) {
  for (const auto& [slot, days] : contribution.counted) {
    AddInterval({slot, city, 0}, days, commit_day, times);
  }
  for (const Contribution::Amount& sum : contribution.sums) {
    Add({sum.slot, city, sum.on_day}, commit_day, times * sum.amount);
  }
}

void CellDeltas::AddOnce(const std::vector<Contribution::Counted>& counted,
                         uint32_t commit_day, int64_t times) {
  for (const auto& [slot, days] : counted) {
    if (slot.county == 0) AddInterval({slot, 0, 0}, days, commit_day, times);
  }
}

void CellDeltas::AddAlone(const Contribution& contribution, uint32_t city,
                          uint32_t commit_day, int64_t times) {
  if (contribution.counted.empty() && contribution.sums.empty()) return;
  content_.clear();
  AppendNumbers(&content_, city, commit_day);
  AppendContent(contribution, &content_);
  const auto [at, added] =
      alone_by_content_.try_emplace(content_, alone_.size());
  if (added) alone_.push_back({contribution, city, commit_day, 0});
  alone_[at->second].times += times;
}

void CellDeltas::AddAll(const CellDeltas& other) {
  for (const Alone& one : other.alone_) {
    AddAlone(one.contribution, one.city, one.commit_day, one.times);
  }
  for (const auto& [key, amount] : other.amounts_) amounts_[key] += amount;
}

std::vector<CellDelta> CellDeltas::Take() {
  for (const Alone& one : alone_) {
    AddContribution(one.contribution, one.city, one.commit_day, one.times);
    AddOnce(one.contribution.counted, one.commit_day, one.times);
  }
  std::vector<CellDelta> deltas;
  deltas.reserve(amounts_.size());
  for (const auto& [key, amount] : amounts_) {
    if (amount != 0) deltas.push_back({key.first, key.second, amount});
  }
  std::sort(
      deltas.begin(), deltas.end(), [](const CellDelta& a, const CellDelta& b) {
        return std::tie(a.cell, a.commit_day) < std::tie(b.cell, b.commit_day);
      });
  return deltas;
}

absl::StatusOr<CellTotals::Totals> CellTotals::ReadTotals(
    const Cell& cell, const StateSnapshot& snapshot) const {
  Totals totals;
  RETURN_IF_ERROR(snapshot.Scan(
      CellPrefix(cell), {}, [&](std::string_view key, std::string_view value) {
        const auto parsed = ParseCellKey(key);
        if (parsed.has_value()) {
          totals[parsed->commit_day] =
              static_cast<int64_t>(base::ReadBigEndian(value));
        }
        return true;
      }));
  return totals;
}

absl::Status CellTotals::Apply(const std::vector<CellDelta>& deltas,
                               const StateSnapshot& snapshot, Arena* arena,
                               std::vector<StatePut>* puts) {
  const size_t first_put = puts->size();
  for (size_t i = 0; i < deltas.size();) {
    const Cell& cell = deltas[i].cell;
    const uint32_t first_day = deltas[i].commit_day;
    const auto known = newest_.find(cell);
    Totals totals;
    if (known != newest_.end() && known->second.day <= first_day) {
      totals[known->second.day] = known->second.total;
    } else {
      ASSIGN_OR_RETURN(totals, ReadTotals(cell, snapshot));
    }
    for (; i < deltas.size() && deltas[i].cell == cell; ++i) {
      const auto [at, added] = totals.try_emplace(deltas[i].commit_day, 0);
      if (added && at != totals.begin()) at->second = std::prev(at)->second;
      for (auto it = at; it != totals.end(); ++it) {
        it->second += deltas[i].amount;
      }
    }
    for (auto it = totals.find(first_day); it != totals.end(); ++it) {
      std::string value;
      base::AppendBigEndian<8>(static_cast<uint64_t>(it->second), &value);
      puts->push_back(
          {arena->Copy(CellKey(cell, it->first)), arena->Copy(value)});
    }
    newest_[cell] = {totals.rbegin()->first, totals.rbegin()->second};
  }
  std::sort(puts->begin() + static_cast<std::ptrdiff_t>(first_put), puts->end(),
            [](const StatePut& a, const StatePut& b) { return a.key < b.key; });
  return absl::OkStatus();
}

}  // namespace tongchou::aggregator
