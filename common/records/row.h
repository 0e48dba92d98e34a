// The values of one record by field, typed and cheap: no allocation per field.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "common/records/schema.h"

namespace tongchou::records {

// Texts are views: into the bytes the row was decoded from, which must outlive
// it, or into the row's own arena (StoreText). Reuse one row for many records:
// Reset() keeps its memory. Not thread-safe.
class Row {
 public:
  Row() = default;
  explicit Row(const RecordSchema& schema) { Reset(schema); }
  Row(Row&&) = default;
  Row& operator=(Row&&) = default;
  Row(const Row&) = delete;
  Row& operator=(const Row&) = delete;

  // Makes it an empty row of the type.
  void Reset(const RecordSchema& schema) {
    schema_ = &schema;
    values_.assign(schema.fields.size(), Value{});
    arena_used_ = 0;
    overflow_.clear();
  }

  const RecordSchema& schema() const { return *schema_; }
  bool has(int field) const { return values_[field].present; }
  // Empty when absent.
  std::string_view text(int field) const { return values_[field].text; }
  // 0 when absent.
  int64_t number(int field) const { return values_[field].number; }

  // Keeps the view, not the text.
  void SetText(int field, std::string_view text) {
    values_[field] = {true, 0, text};
  }
  // Keeps a copy.
  void StoreText(int field, std::string_view text) {
    SetText(field, Keep(text));
  }
  void SetNumber(int field, int64_t number) {
    values_[field] = {true, number, {}};
  }
  void Clear(int field) { values_[field] = Value{}; }

  // A copy of the text that lives until the next Reset.
  std::string_view Keep(std::string_view text);

 private:
  struct Value {
    bool present = false;
    int64_t number = 0;
    std::string_view text;
  };
  static constexpr size_t kArenaBytes = 1024;

  const RecordSchema* schema_ = nullptr;
  std::vector<Value> values_;
  std::unique_ptr<char[]> arena_;
  size_t arena_used_ = 0;
  std::vector<std::unique_ptr<char[]>> overflow_;
};

inline std::string_view Row::Keep(std::string_view text) {
  if (arena_ == nullptr) arena_ = std::make_unique<char[]>(kArenaBytes);
  char* to;
  if (arena_used_ + text.size() <= kArenaBytes) {
    to = arena_.get() + arena_used_;
    arena_used_ += text.size();
  } else {
    overflow_.push_back(std::make_unique<char[]>(text.size()));
    to = overflow_.back().get();
  }
  std::memcpy(to, text.data(), text.size());
  return {to, text.size()};
}

}  // namespace tongchou::records
