#include "node/import_tally.h"

namespace tongchou::node {
namespace {

// Distinct unknown values that a receipt names.
constexpr size_t kUnknownValuesMax = 1'000;

template <typename List>
void AddCount(const std::string& name, uint64_t count, List* list) {
  v1::NamedCount* one = list->Add();
  one->set_name(name);
  one->set_count(count);
}

}  // namespace

ImportTally::ImportTally(const records::RecordSchema& schema)
    : schema_(schema) {
  for (const records::FieldSchema& field : schema.fields) {
    if (field.format == records::FieldFormat::FIELD_FORMAT_MONEY) {
      money_fields_.push_back(field.index);
    }
  }
}

void ImportTally::Accepted(const records::Row& row,
                           const records::RowParser& parser) {
  ++rows_read_;
  for (size_t i = 0; i < records::kRepairs; ++i) {
    repaired_[i] += parser.repairs()[i];
  }
  for (const int field : money_fields_) sums_[field] += row.number(field);
  for (const int field : parser.unknown_values()) {
    std::string name = schema_.fields[field].code + "=";
    name += row.text(field);
    if (unknown_values_.size() < kUnknownValuesMax ||
        unknown_values_.contains(name)) {
      ++unknown_values_[name];
    }
  }
}

void ImportTally::Result(v1::ChangeResult result, uint64_t count) {
  switch (result) {
    case v1::CHANGE_RESULT_INSERTED:
      inserted_ += count;
      break;
    case v1::CHANGE_RESULT_UPDATED:
      updated_ += count;
      break;
    case v1::CHANGE_RESULT_DELETED:
      deleted_ += count;
      break;
    default:
      unchanged_ += count;
  }
}

void ImportTally::Fill(v1::ImportReceipt* receipt) const {
  receipt->set_rows_read(rows_read_);
  receipt->set_rows_inserted(inserted_);
  receipt->set_rows_updated(updated_);
  receipt->set_rows_unchanged(unchanged_);
  receipt->set_rows_deleted(deleted_);
  for (const auto& [code, count] : rejected_) {
    AddCount(code, count, receipt->mutable_rejected());
  }
  for (size_t i = 0; i < records::kRepairs; ++i) {
    if (repaired_[i] == 0) continue;
    AddCount(std::string(records::RepairName(static_cast<records::Repair>(i))),
             repaired_[i], receipt->mutable_repaired());
  }
  for (const int field : money_fields_) {
    v1::NamedSum* sum = receipt->add_sums();
    sum->set_code(schema_.fields[field].code);
    const auto found = sums_.find(field);
    sum->set_sum_fen(found == sums_.end() ? 0 : found->second);
  }
  for (const auto& [name, count] : unknown_values_) {
    AddCount(name, count, receipt->mutable_unknown_values());
  }
}

}  // namespace tongchou::node
