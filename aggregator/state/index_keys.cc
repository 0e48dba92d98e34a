#include "aggregator/state/index_keys.h"

#include <algorithm>
#include <optional>

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

std::vector<IndexKeys::Entry>& IndexKeys::EntriesOf(std::string_view code) {
  for (Field& field : fields_) {
    if (field.code == code) return field.entries;
  }
  return fields_.emplace_back(Field{code, {}}).entries;
}

void IndexKeys::Add(const Batch& batch, size_t index, Which which,
                    Arena* arena) {
  const Change& change = batch.changes()[index];
  if (!DecodeIndexed(change, change.after, &after_)) return;
  const bool existed =
      which == kNew && DecodeIndexed(change, change.before, &before_);
  for (const int field : after_.schema().indexed_fields) {
    if (!after_.has(field)) continue;
    component_.clear();
    records::AppendComponent(after_, field, &component_);
    if (existed && before_.has(field)) {
      component_before_.clear();
      records::AppendComponent(before_, field, &component_before_);
      if (component_before_ == component_) continue;
    }
    EntriesOf(after_.schema().fields[field].code)
        .push_back({static_cast<uint32_t>(index), arena->Copy(component_)});
  }
}

// A key is prefix, component, row key. No component of a field begins with
// another, and the changes are in the order of their row keys, so a field's
// keys are in the order of component and change. They are laid down in it.
std::vector<StatePut> IndexKeys::Of(const Batch& batch, Which which,
                                    Arena* arena) {
  for (Field& field : fields_) field.entries.clear();
  for (size_t i = 0; i < batch.changes().size(); ++i)
    Add(batch, i, which, arena);
  std::sort(fields_.begin(), fields_.end(),
            [](const Field& a, const Field& b) { return a.code < b.code; });
  std::vector<StatePut> keys;
  for (const Field& field : fields_) {
    const std::vector<Entry>& entries = field.entries;
    const std::string prefix = IndexPrefix(field.code, {});
    keys.reserve(keys.size() + entries.size());
    for (const uint32_t i : base::KeyOrder(entries.size(), 0, [&](size_t at) {
           return entries[at].component;
         })) {
      const std::string_view tail =
          batch.changes()[entries[i].change].row_key.substr(1);
      keys.push_back({arena->Join(prefix, entries[i].component, tail), {}});
    }
  }
  return keys;
}

}  // namespace tongchou::aggregator
