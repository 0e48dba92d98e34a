#include "aggregator/state/index_keys.h"

#include <string>

#include "common/base/key_order.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"

namespace tongchou::aggregator {
namespace {

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
  std::vector<StatePut> sorted;
  sorted.reserve(keys.size());
  for (const uint32_t i : base::KeyOrder(
           keys.size(), 0, [&](size_t at) { return keys[at].key; })) {
    sorted.push_back(keys[i]);
  }
  return sorted;
}

}  // namespace tongchou::aggregator
