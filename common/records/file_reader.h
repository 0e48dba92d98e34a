// Rows of one file: header, decoding, value maps, then RowParser.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/records/csv_reader.h"
#include "common/records/profile.h"
#include "common/records/row_parser.h"
#include "common/records/text_encoding.h"

namespace tongchou::records {

struct FileRules {
  RowRules row;
  Encoding encoding = Encoding::kGb18030;
  bool ignore_unknown = false;
};

// Why a file is refused before its first row.
struct Refusal {
  std::string code;  // MISSING_COLUMN, UNKNOWN_COLUMN, DOUBLE_COLUMN, EMPTY
  std::string text;
};

// Not thread-safe.
class FileReader {
 public:
  FileReader(const RecordSchema& schema, const FileRules& rules,
             const TypeProfile& profile);

  // The first record of the file.
  std::optional<Refusal> ReadHeader(const CsvRecord& record);
  // Every further record. Views in the row live until the next call.
  RowIssue ReadRow(const CsvRecord& record, Row* row);

  const RowParser& parser() const { return parser_; }
  const std::vector<std::string>& ignored_columns() const { return ignored_; }
  // The value of the field in the record as it was read, for the rejects file.
  std::string ValueAsRead(const CsvRecord& record, int field) const;
  Encoding encoding() const { return rules_.encoding; }

 private:
  bool DecodeFields(const CsvRecord& record);
  void MapValues();

  const RecordSchema& schema_;
  const FileRules rules_;
  const TypeProfile& profile_;
  RowParser parser_;
  std::vector<int> field_of_column_;  // -1 = ignored
  std::vector<std::string> ignored_;
  std::vector<std::string_view> texts_;
  std::vector<bool> undecodable_;
  std::string decoded_;
};

}  // namespace tongchou::records
