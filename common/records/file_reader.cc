#include "common/records/file_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/utf8.h"

namespace tongchou::records {
namespace {

constexpr RowIssue kColumns{"COLUMNS", -1};
constexpr RowIssue kEncoding{"ENCODING", -1};

std::string Trimmed(std::string text) {
  const auto strip = [&](std::string_view blank) {
    while (text.starts_with(blank)) text.erase(0, blank.size());
    while (text.ends_with(blank)) text.resize(text.size() - blank.size());
  };
  for (size_t before = 0; before != text.size();) {
    before = text.size();
    for (const char* blank : {" ", "\t", "\u3000"}) strip(blank);
  }
  return text;
}

}  // namespace

FileReader::FileReader(const RecordSchema& schema, const FileRules& rules,
                       const TypeProfile& profile)
    : schema_(schema),
      rules_(rules),
      profile_(profile),
      parser_(schema, rules.row),
      texts_(schema.fields.size()),
      undecodable_(schema.fields.size()) {}

std::optional<Refusal> FileReader::ReadHeader(const CsvRecord& record) {
  std::vector<int> seen(schema_.fields.size());
  std::string unknown;
  std::string doubled;
  for (const std::string_view raw : record.fields) {
    std::string name = Trimmed(ToUtf8Lossy(raw, rules_.encoding));
    const auto mapped = profile_.columns.find(name);
    const FieldSchema* field =
        schema_.Find(mapped == profile_.columns.end() ? name : mapped->second);
    field_of_column_.push_back(field == nullptr ? -1 : field->index);
    if (field != nullptr) {
      if (++seen[field->index] == 2 && doubled.empty()) doubled = name;
      continue;
    }
    if (unknown.empty()) unknown = "'" + name + "'";
    ignored_.push_back(std::move(name));
  }
  for (const FieldSchema& field : schema_.fields) {
    const bool needed = field.key || field.mandatory;
    if (needed && seen[field.index] == 0 &&
        !profile_.constants.contains(field.code)) {
      return Refusal{"MISSING_COLUMN", fmt::format("column {} ({}) is missing",
                                                   field.code, field.name_zh)};
    }
  }
  if (!unknown.empty() && !rules_.ignore_unknown) {
    return Refusal{"UNKNOWN_COLUMN", fmt::format("column {} is not one of {}",
                                                 unknown, schema_.name)};
  }
  if (!doubled.empty()) {
    return Refusal{"DOUBLE_COLUMN",
                   fmt::format("column '{}' stands twice", doubled)};
  }
  return std::nullopt;
}

RowIssue FileReader::ReadRow(const CsvRecord& record, Row* row) {
  if (record.malformed || record.fields.size() != field_of_column_.size()) {
    row->Reset(schema_);
    std::string scratch;
    const bool readable = ToUtf8(record.raw, rules_.encoding, &scratch);
    parser_.Forget();
    return readable ? kColumns : kEncoding;
  }
  const bool sound = DecodeFields(record);
  MapValues();
  const RowIssue issue = parser_.Parse(texts_, undecodable_, row);
  return sound || !issue.code.empty() ? issue : kEncoding;
}

// False when an ignored column cannot be decoded.
bool FileReader::DecodeFields(const CsvRecord& record) {
  std::fill(texts_.begin(), texts_.end(), std::string_view());
  std::fill(undecodable_.begin(), undecodable_.end(), false);
  bool sound = true;
  const bool ascii = base::IsAscii(record.raw);
  decoded_.clear();
  // A two-byte character becomes at most three bytes, a byte at most itself.
  decoded_.reserve(record.raw.size() * 2 + 64);
  for (size_t i = 0; i < record.fields.size(); ++i) {
    const int field = field_of_column_[i];
    std::string_view text = record.fields[i];
    if (!ascii) {
      const size_t start = decoded_.size();
      const bool decodable = ToUtf8(text, rules_.encoding, &decoded_);
      text = std::string_view(decoded_).substr(start);
      if (!decodable) {
        if (field >= 0) undecodable_[field] = true;
        sound = false;
      }
    }
    if (field >= 0) texts_[field] = text;
  }
  return sound;
}

void FileReader::MapValues() {
  for (const auto& [code, text] : profile_.constants) {
    texts_[schema_.IndexOf(code)] = text;
  }
  for (const auto& [code, map] : profile_.values) {
    std::string_view& text = texts_[schema_.IndexOf(code)];
    const auto mapped = map.find(std::string(text));
    if (mapped != map.end()) text = mapped->second;
  }
}

std::string FileReader::ValueAsRead(const CsvRecord& record, int field) const {
  for (size_t i = 0; i < field_of_column_.size(); ++i) {
    if (field_of_column_[i] == field && i < record.fields.size()) {
      return ToUtf8Lossy(record.fields[i], rules_.encoding);
    }
  }
  return {};
}

}  // namespace tongchou::records
