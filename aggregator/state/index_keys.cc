#include "aggregator/state/index_keys.h"

#include <endian.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "common/records/record_codec.h"
#include "common/records/record_key.h"

namespace tongchou::aggregator {
namespace {

// Index keys by the part that tells them apart first: behind 'X', field code
// and 00.
void SortIndexes(std::vector<StatePut>* indexes) {
  constexpr size_t kCommonBytes = 8;
  const auto number = [](std::string_view key, size_t at) {
    uint64_t value = 0;
    if (key.size() >= at + sizeof(value)) {
      std::memcpy(&value, key.data() + at, sizeof(value));
    }
    return be64toh(value);
  };
  struct Keyed {
    uint64_t field;
    uint64_t value;
    StatePut put;
  };
  std::vector<Keyed> keyed;
  keyed.reserve(indexes->size());
  for (const StatePut& put : *indexes) {
    keyed.push_back({number(put.key, 0), number(put.key, kCommonBytes), put});
  }
  std::sort(keyed.begin(), keyed.end(), [](const Keyed& a, const Keyed& b) {
    if (a.field != b.field) return a.field < b.field;
    if (a.value != b.value) return a.value < b.value;
    return a.put.key < b.put.key;
  });
  for (size_t i = 0; i < keyed.size(); ++i) (*indexes)[i] = keyed[i].put;
}

// False when the record has nothing that is indexed.
bool DecodeIndexed(const Change& change,
                   const std::optional<RecordVersion>& version,
                   records::Row* row) {
  const records::RecordSchema* schema =
      records::Schema::Get().Find(change.type);
  if (schema == nullptr || schema->indexed_fields.empty() ||
      !version.has_value() || version->deleted) {
    return false;
  }
  row->Reset(*schema);
  return (schema->key_indexed
              ? records::DecodeRow(change.record_key(), version->record, row)
              : records::DecodeRecord(version->record, row))
      .ok();
}

}  // namespace

void IndexKeys::Add(const Change& change, Arena* arena,
                    std::vector<StatePut>* keys) {
  if (!DecodeIndexed(change, change.after, &after_)) return;
  const bool existed = DecodeIndexed(change, change.before, &before_);
  const std::string_view tail = change.row_key.substr(1);
  std::string component;
  std::string component_before;
  for (const int field : after_.schema().indexed_fields) {
    if (!after_.has(field)) continue;
    component.clear();
    records::AppendComponent(after_, field, &component);
    if (existed && before_.has(field)) {
      component_before.clear();
      records::AppendComponent(before_, field, &component_before);
      if (component_before == component) continue;
    }
    const std::string& code = after_.schema().fields[field].code;
    keys->push_back({arena->Join(IndexPrefix(code, component), tail), {}});
  }
}

std::vector<StatePut> IndexKeys::Of(const Batch& batch, Arena* arena) {
  std::vector<StatePut> keys;
  for (const Change& change : batch.changes()) Add(change, arena, &keys);
  SortIndexes(&keys);
  return keys;
}

}  // namespace tongchou::aggregator
