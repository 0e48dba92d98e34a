#include "aggregator/state/batch.h"

#include <algorithm>

#include "aggregator/indicators/evaluate.h"
#include "common/base/clock.h"
#include "common/base/status.h"

namespace tongchou::aggregator {
namespace {

constexpr size_t kStepReads = 1'024;

bool IsReadWithPerson(uint32_t type) {
  const records::RecordSchema* schema = records::Schema::Get().Find(type);
  return schema != nullptr && schema->person_centred &&
         GroupsOf(schema->type) != 0;
}

}  // namespace

Batch::Batch(std::span<Change> changes, Arena* arena,
             const StateSnapshot* snapshot, PastReader* past,
             const RowFilter* known)
    : changes_(changes),
      arena_(*arena),
      snapshot_(*snapshot),
      past_(*past),
      known_(known) {}

absl::StatusOr<RecordVersion> Batch::Keep(std::string_view stored_version) {
  ASSIGN_OR_RETURN(RecordVersion version, DecodeVersion(stored_version));
  version.record = arena_.Copy(version.record);
  return version;
}

absl::StatusOr<std::optional<RecordVersion>> Batch::Stored(
    std::string_view record_key, uint32_t city) {
  ASSIGN_OR_RETURN(auto version, snapshot_.Get(record_key, city, &bytes_));
  if (version.has_value()) version->record = arena_.Copy(version->record);
  return version;
}

absl::Status Batch::Load(const std::function<void()>& step) {
  size_t read = 0;
  for (Change& change : changes_) {
    if (IsReadWithPerson(change.type)) continue;
    const RowKey key = ParseRowKey(change.row_key);
    ASSIGN_OR_RETURN(change.before, Stored(key.record_key, key.city));
    if (++read % kStepReads == 0) step();
  }
  return absl::OkStatus();
}

std::pair<size_t, size_t> Batch::RangeOf(std::string_view prefix,
                                         size_t from) const {
  // Often it is the next one.
  auto begin = changes_.begin() + static_cast<std::ptrdiff_t>(from);
  if (begin != changes_.end() && begin->row_key < prefix) {
    begin = std::lower_bound(
        begin, changes_.end(), prefix,
        [](const Change& a, std::string_view b) { return a.row_key < b; });
  }
  auto end = begin;
  while (end != changes_.end() && end->row_key.starts_with(prefix)) ++end;
  return {static_cast<size_t>(begin - changes_.begin()),
          static_cast<size_t>(end - changes_.begin())};
}

const Change* Batch::Find(std::string_view row_key) const {
  const auto found = std::lower_bound(
      changes_.begin(), changes_.end(), row_key,
      [](const Change& a, std::string_view b) { return a.row_key < b; });
  if (found == changes_.end() || found->row_key != row_key) return nullptr;
  return &*found;
}

absl::StatusOr<std::optional<RecordVersion>> Batch::Rewind(
    std::optional<RecordVersion> version, uint32_t city,
    const Perspective& from) {
  if (from.day == kNow) return version;
  while (version.has_value()) {
    const uint32_t day = base::ChinaDay(version->commit_time_us);
    if (day <= from.day) return version;
    if (from.next_change != nullptr) {
      *from.next_change = std::min(*from.next_change, day);
    }
    if (version->previous == 0) return std::optional<RecordVersion>();
    ASSIGN_OR_RETURN(version,
                     past_.ReadVersion(city, version->previous - 1, &arena_));
  }
  return version;
}

absl::StatusOr<std::optional<RecordVersion>> Batch::Read(
    std::string_view record_key, uint32_t city, const Perspective& from) {
  const Change* change = Find(RecordRowKey(record_key, city));
  if (change != nullptr) {
    return Rewind(from.after ? std::optional<RecordVersion>(change->after)
                             : change->before,
                  city, from);
  }
  ASSIGN_OR_RETURN(auto version, Stored(record_key, city));
  return Rewind(version, city, from);
}

absl::StatusOr<std::vector<std::string>> Batch::RowKeys(
    std::string_view prefix) {
  std::vector<std::string> keys;
  RETURN_IF_ERROR(
      snapshot_.Scan(prefix, {}, [&](std::string_view key, std::string_view) {
        keys.emplace_back(key);
        return true;
      }));
  const auto [begin, end] = RangeOf(prefix);
  const size_t stored = keys.size();
  for (size_t i = begin; i < end; ++i) {
    keys.emplace_back(changes_[i].row_key);
  }
  std::inplace_merge(keys.begin(),
                     keys.begin() + static_cast<std::ptrdiff_t>(stored),
                     keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

}  // namespace tongchou::aggregator
