#include "aggregator/state/cell_deltas.h"

#include <algorithm>

#include "common/base/big_endian.h"
#include "common/base/random.h"
#include "common/base/status.h"

namespace tongchou::aggregator {
namespace {

constexpr size_t kWordsFirst = 2;  // city and day, how many are counted
constexpr size_t kWordsEach = 3;   // of what is counted; of sums one more

uint64_t* AppendSlot(const Slot& slot, uint64_t* to) {
  *to++ = static_cast<uint64_t>(slot.kind) << 48 |
          static_cast<uint64_t>(slot.insurance) << 32 | slot.county;
  *to++ = slot.period;
  return to;
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

base::Hash128 CellDeltas::DigestOf(const Contribution& contribution,
                                   uint32_t city, uint32_t commit_day) {
  static const uint64_t kSeed = base::RandomNumber();
  words_.resize(kWordsFirst + contribution.counted.size() * kWordsEach +
                contribution.sums.size() * (kWordsEach + 1));
  uint64_t* to = words_.data();
  *to++ = static_cast<uint64_t>(city) << 32 | commit_day;
  *to++ = contribution.counted.size();
  for (const auto& [slot, days] : contribution.counted) {
    to = AppendSlot(slot, to);
    *to++ = static_cast<uint64_t>(days.from) << 32 | days.to;
  }
  for (const Contribution::Amount& sum : contribution.sums) {
    to = AppendSlot(sum.slot, to);
    *to++ = sum.on_day;
    *to++ = static_cast<uint64_t>(sum.amount);
  }
  return base::Hash128Of({reinterpret_cast<const char*>(words_.data()),
                          words_.size() * sizeof(uint64_t)},
                         kSeed);
}

void CellDeltas::AddAlone(const Contribution& contribution, uint32_t city,
                          uint32_t commit_day, int64_t times) {
  if (contribution.counted.empty() && contribution.sums.empty()) return;
  const auto [at, added] =
      times_.try_emplace(DigestOf(contribution, city, commit_day),
                         Times{times, static_cast<uint32_t>(alone_.size())});
  if (added) {
    alone_.push_back({contribution, city, commit_day});
  } else {
    at->second.times += times;
  }
}

void CellDeltas::AddAll(const CellDeltas& other) {
  for (const auto& [digest, theirs] : other.times_) {
    const auto [at, added] = times_.try_emplace(
        digest, Times{theirs.times, static_cast<uint32_t>(alone_.size())});
    if (added) {
      alone_.push_back(other.alone_[theirs.place]);
    } else {
      at->second.times += theirs.times;
    }
  }
  for (const auto& [key, amount] : other.amounts_) amounts_[key] += amount;
}

std::vector<CellDelta> CellDeltas::Take() {
  for (const auto& [digest, found] : times_) {
    const Alone& one = alone_[found.place];
    AddContribution(one.contribution, one.city, one.commit_day, found.times);
    AddOnce(one.contribution.counted, one.commit_day, found.times);
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
