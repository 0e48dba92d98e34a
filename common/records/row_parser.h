// From texts to a typed row: repairs, formats, code lists, checks. The rules
// are those of the standard import profile; docs/import-and-figures.md has them
// in words.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/records/code_list.h"
#include "common/records/row.h"
#include "common/records/schema.h"

namespace tongchou::records {

enum class Repair { kTrim, kFullwidth, kLowerX, kId15 };
inline constexpr size_t kRepairs = 4;
// trim, fullwidth, lower_x, id15.
std::string_view RepairName(Repair repair);

// Largest amount: sixteen digits with the fen.
inline constexpr int64_t kMoneyFenMax = 9'999'999'999'999'999;
inline constexpr int64_t kRateMax = 10'000;

struct RowRules {
  uint32_t city = 0;       // whose divisions are accepted
  uint32_t today = 0;      // births after it are in the future
  bool synthetic = false;  // generated ID numbers are accepted
};

// Why a row is rejected: the first code that applies, in the order ENCODING,
// COLUMNS, MISSING, TOO_LONG, FORMAT, CODE, ID_*, USCC_*, DIVISION, ORDER,
// AMOUNT, and of several columns the first.
struct RowIssue {
  std::string_view code;  // empty: the row is accepted
  int field = -1;         // index; -1 = the whole row
};

// A sentence for people (Chinese).
std::string IssueText(std::string_view code);

// Not thread-safe; one per thread and type.
class RowParser {
 public:
  RowParser(const RecordSchema& schema, const RowRules& rules);

  // `texts` has one UTF-8 text per field of the schema, empty = absent; the
  // row's texts are views into them or into the row. `undecodable` marks
  // fields whose bytes are not of the encoding. The row is whole only when the
  // issue is empty; key_known() says whether its key fields are.
  RowIssue Parse(const std::vector<std::string_view>& texts,
                 const std::vector<bool>& undecodable, Row* row);

  // The same for values that come typed: numbers are checked, texts repaired
  // and checked as above. `typed` and its bytes outlive the use of `row`.
  RowIssue ParseTyped(const Row& typed, Row* row);

  const RecordSchema& schema() const { return schema_; }
  bool key_known() const { return key_known_; }
  // As if no row had been parsed: no key, no repairs.
  void Forget();
  // Of the last row.
  const std::array<uint8_t, kRepairs>& repairs() const { return repairs_; }
  // Fields of open code lists whose value is in no list.
  const std::vector<int>& unknown_values() const { return unknown_values_; }

 private:
  void Start(Row* row);
  RowIssue Finish(const Row& row);
  void ReportIfNeeded(const FieldSchema& field);
  void TakeNumber(const FieldSchema& field, int64_t value, Row* row);
  void TakeDivision(const FieldSchema& field, int64_t value, Row* row);
  void ParseField(const FieldSchema& field, std::string_view text, Row* row);
  std::string_view RepairText(const FieldSchema& field, std::string_view text,
                              Row* row);
  void ParseText(const FieldSchema& field, std::string_view text, Row* row);
  void ParseCode(const FieldSchema& field, std::string_view text, Row* row);
  void ParseIdNumber(const FieldSchema& field, std::string_view text, Row* row);
  void ParseDivision(const FieldSchema& field, std::string_view text, Row* row);
  void CheckOrder(const Row& row);
  void CheckAmounts(const Row& row);
  void CheckBase(const Row& row);
  void Report(int rank, std::string_view code, int field);
  void Repaired(Repair repair);

  bool IsListed(const FieldSchema& field, std::string_view value) const;

  const RecordSchema& schema_;
  const RowRules rules_;
  std::vector<const CodeLists::List*> lists_;  // by field; null = none
  RowIssue issue_;
  int issue_rank_ = 0;
  bool key_known_ = false;
  std::array<uint8_t, kRepairs> repairs_{};
  std::vector<int> unknown_values_;
  std::string scratch_;
};

}  // namespace tongchou::records
