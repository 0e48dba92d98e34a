#include "aggregator/indicators/cell.h"

#include <algorithm>

#include "common/base/big_endian.h"

namespace tongchou::aggregator {
namespace {

constexpr size_t kCellKeyBytes = 1 + 1 + 3 + 3 + 2 + 4 + 4 + 4;

}  // namespace

std::string CellPrefix(const Cell& cell) {
  std::string key(1, kCellSpace);
  key.reserve(kCellKeyBytes);
  key.push_back(static_cast<char>(cell.slot.kind));
  base::AppendBigEndian<3>(cell.city, &key);
  base::AppendBigEndian<3>(cell.slot.county, &key);
  base::AppendBigEndian<2>(cell.slot.insurance, &key);
  base::AppendBigEndian<4>(cell.slot.period, &key);
  base::AppendBigEndian<4>(cell.on_day, &key);
  return key;
}

std::string CellKey(const Cell& cell, uint32_t commit_day) {
  std::string key = CellPrefix(cell);
  base::AppendBigEndian<4>(commit_day, &key);
  return key;
}

std::optional<ParsedCellKey> ParseCellKey(std::string_view key) {
  if (key.size() != kCellKeyBytes || key[0] != kCellSpace) return std::nullopt;
  size_t at = 1;
  const auto take = [&](size_t bytes) {
    const uint64_t value = base::ReadBigEndian(key.substr(at, bytes));
    at += bytes;
    return static_cast<uint32_t>(value);
  };
  ParsedCellKey parsed;
  parsed.cell.slot.kind = static_cast<CellKind>(take(1));
  parsed.cell.city = take(3);
  parsed.cell.slot.county = take(3);
  parsed.cell.slot.insurance = static_cast<uint16_t>(take(2));
  parsed.cell.slot.period = take(4);
  parsed.cell.on_day = take(4);
  parsed.commit_day = take(4);
  return parsed;
}

void Contribution::Count(CellKind kind, uint32_t county, uint16_t insurance,
                         uint32_t period, Interval days) {
  if (days.from >= days.to) return;
  counted.push_back({{kind, 0, insurance, period}, days});
  if (county != 0) counted.push_back({{kind, county, insurance, period}, days});
}

void Contribution::Sum(CellKind kind, uint32_t county, uint16_t insurance,
                       uint32_t period, int64_t amount, uint32_t on_day) {
  if (amount == 0) return;
  sums.push_back({{kind, 0, insurance, period}, on_day, amount});
  if (county != 0) {
    sums.push_back({{kind, county, insurance, period}, on_day, amount});
  }
}

void Contribution::Normalise() { UniteIntervals(&counted); }

void UniteIntervals(std::vector<Contribution::Counted>* counted) {
  if (counted->size() < 2) return;
  std::sort(counted->begin(), counted->end());
  size_t kept = 0;
  for (size_t i = 1; i < counted->size(); ++i) {
    auto& last = (*counted)[kept];
    const auto& next = (*counted)[i];
    if (next.first == last.first && next.second.from <= last.second.to) {
      last.second.to = std::max(last.second.to, next.second.to);
    } else {
      (*counted)[++kept] = next;
    }
  }
  counted->resize(kept + 1);
}

}  // namespace tongchou::aggregator
