#include "aggregator/state/cell_deltas.h"

#include <rocksdb/write_batch.h>

#include "common/base/big_endian.h"
#include "common/base/status.h"

namespace tongchou::aggregator {
namespace {

std::string EncodeTotal(int64_t total) {
  std::string bytes;
  base::AppendBigEndian<8>(static_cast<uint64_t>(total), &bytes);
  return bytes;
}

}  // namespace

void CellDeltas::Add(const Cell& cell, uint32_t commit_day, int64_t amount) {
  cells_[cell][commit_day] += amount;
}

void CellDeltas::AddInterval(Cell cell, const Interval& days,
                             uint32_t commit_day, int64_t sign) {
  cell.on_day = days.from;
  Add(cell, commit_day, sign);
  if (days.to == kForever) return;
  cell.on_day = days.to;
  Add(cell, commit_day, -sign);
}

void CellDeltas::AddContribution(const Contribution& contribution,
                                 uint32_t city, uint32_t commit_day,
                                 int64_t sign) {
  for (const auto& [slot, days] : contribution.counted) {
    AddInterval({slot, city, 0}, days, commit_day, sign);
  }
  for (const Contribution::Amount& sum : contribution.sums) {
    Add({sum.slot, city, sum.on_day}, commit_day, sign * sum.amount);
  }
}

void CellDeltas::AddOnce(const std::vector<Contribution::Counted>& counted,
                         uint32_t commit_day, int64_t sign) {
  for (const auto& [slot, days] : counted) {
    if (slot.county == 0) AddInterval({slot, 0, 0}, days, commit_day, sign);
  }
}

absl::StatusOr<std::map<uint32_t, int64_t>> CellTotals::ReadTotals(
    const Cell& cell, const StateSnapshot& snapshot) const {
  std::map<uint32_t, int64_t> totals;
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

absl::Status CellTotals::Apply(const CellDeltas& deltas,
                               const StateSnapshot& snapshot,
                               rocksdb::WriteBatch* batch) {
  std::map<std::string, int64_t> puts;
  for (const auto& [cell, by_day] : deltas.cells()) {
    auto known = newest_.find(cell);
    const uint32_t first_day = by_day.begin()->first;
    std::map<uint32_t, int64_t> totals;
    if (known != newest_.end() && known->second.day <= first_day) {
      totals[known->second.day] = known->second.total;
    } else {
      ASSIGN_OR_RETURN(totals, ReadTotals(cell, snapshot));
    }
    for (const auto& [day, amount] : by_day) {
      if (amount == 0) continue;
      if (!totals.contains(day)) {
        const auto later = totals.upper_bound(day);
        totals[day] = later == totals.begin() ? 0 : std::prev(later)->second;
      }
      for (auto it = totals.find(day); it != totals.end(); ++it) {
        it->second += amount;
        puts[CellKey(cell, it->first)] = it->second;
      }
    }
    if (totals.empty()) continue;
    newest_[cell] = {totals.rbegin()->first, totals.rbegin()->second};
  }
  for (const auto& [key, total] : puts) batch->Put(key, EncodeTotal(total));
  return absl::OkStatus();
}

}  // namespace tongchou::aggregator
