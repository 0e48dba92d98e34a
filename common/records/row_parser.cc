#include "common/records/row_parser.h"

#include <algorithm>
#include <limits>

#include "absl/container/flat_hash_map.h"
#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "common/records/code_list.h"
#include "common/records/division.h"
#include "common/records/id_number.h"
#include "common/records/text_encoding.h"

namespace tongchou::records {
namespace {

// Ranks of codes: the lowest wins.
enum Rank {
  kEncoding,
  kMissing,
  kTooLong,
  kFormat,
  kCode,
  kIdNumber,
  kCreditCode,
  kDivision,
  kOrder,
  kAmount,
  kNone,
};

constexpr std::string_view kIdeographicSpace = "\u3000";

std::string_view Trim(std::string_view text) {
  while (true) {
    if (text.starts_with(' ') || text.starts_with('\t')) {
      text.remove_prefix(1);
    } else if (text.starts_with(kIdeographicSpace)) {
      text.remove_prefix(kIdeographicSpace.size());
    } else {
      break;
    }
  }
  while (true) {
    if (text.ends_with(' ') || text.ends_with('\t')) {
      text.remove_suffix(1);
    } else if (text.ends_with(kIdeographicSpace)) {
      text.remove_suffix(kIdeographicSpace.size());
    } else {
      return text;
    }
  }
}

// ASCII for the three bytes of a full-width digit or letter, 0 for others.
char HalfWidth(std::string_view bytes) {
  if (bytes.size() < 3 || static_cast<uint8_t>(bytes[0]) != 0xef) return 0;
  const int code = (static_cast<uint8_t>(bytes[1]) & 0x3f) << 6 |
                   (static_cast<uint8_t>(bytes[2]) & 0x3f) | 0xf000;
  const int ascii = code - 0xff00 + 0x20;
  const bool wanted = (ascii >= '0' && ascii <= '9') ||
                      (ascii >= 'A' && ascii <= 'Z') ||
                      (ascii >= 'a' && ascii <= 'z');
  return wanted ? static_cast<char>(ascii) : '\0';
}

bool IsFreeText(FieldFormat format) {
  return format == FieldFormat::FIELD_FORMAT_TEXT ||
         format == FieldFormat::FIELD_FORMAT_RECORD_NUMBER;
}

bool TakeDigits(std::string_view* text, int64_t* value) {
  size_t digits = 0;
  for (; digits < text->size(); ++digits) {
    const char c = (*text)[digits];
    if (c < '0' || c > '9') break;
    if (*value > (std::numeric_limits<int64_t>::max() - 9) / 10) return false;
    *value = *value * 10 + (c - '0');
  }
  text->remove_prefix(digits);
  return digits > 0;
}

// "-?digits[.digits]" as a whole number of 10^-decimals.
bool ParseDecimal(std::string_view text, int decimals, int64_t* value) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  *value = 0;
  if (!TakeDigits(&text, value)) return false;
  int missing = decimals;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const size_t places = text.size();
    if (places > static_cast<size_t>(decimals)) return false;
    if (!TakeDigits(&text, value)) return false;
    missing -= static_cast<int>(places);
  }
  if (!text.empty()) return false;
  for (; missing > 0; --missing) {
    if (*value > std::numeric_limits<int64_t>::max() / 10) return false;
    *value *= 10;
  }
  if (negative) *value = -*value;
  return true;
}

bool ParseFixedDigits(std::string_view text, size_t digits, int64_t* value) {
  *value = 0;
  return text.size() == digits && TakeDigits(&text, value) && text.empty();
}

int64_t CountMax(const FieldSchema& field) {
  int64_t max = 1;
  for (uint32_t i = 0; i < field.length_max; ++i) max *= 10;
  return std::min<int64_t>(max - 1, std::numeric_limits<uint32_t>::max());
}

// Whether the value is one of the field's format.
bool IsValue(const FieldSchema& field, int64_t value) {
  switch (field.format) {
    case FieldFormat::FIELD_FORMAT_DATE:
      return value >= 0 && value <= 99'999'999 &&
             base::IsValidDay(static_cast<uint32_t>(value));
    case FieldFormat::FIELD_FORMAT_MONTH:
      return value >= 0 && value <= 999'999 &&
             base::IsValidMonth(static_cast<uint32_t>(value));
    case FieldFormat::FIELD_FORMAT_MONEY:
      return value <= kMoneyFenMax &&
             value >= (field.may_be_negative ? -kMoneyFenMax : 0);
    case FieldFormat::FIELD_FORMAT_RATE:
      return value >= 0 && value <= kRateMax;
    default:
      return value >= 0 && value <= CountMax(field);
  }
}

bool ParseNumber(const FieldSchema& field, std::string_view text,
                 int64_t* value) {
  switch (field.format) {
    case FieldFormat::FIELD_FORMAT_DATE:
      return ParseFixedDigits(text, 8, value);
    case FieldFormat::FIELD_FORMAT_MONTH:
      return ParseFixedDigits(text, 6, value);
    case FieldFormat::FIELD_FORMAT_MONEY:
      return ParseDecimal(text, 2, value);
    case FieldFormat::FIELD_FORMAT_RATE:
      return ParseDecimal(text, 4, value);
    default:
      return ParseDecimal(text, 0, value);
  }
}

}  // namespace

std::string_view RepairName(Repair repair) {
  static constexpr std::array<std::string_view, kRepairs> kNames = {
      "trim", "fullwidth", "lower_x", "id15"};
  return kNames[static_cast<size_t>(repair)];
}

std::string IssueText(std::string_view code) {
  static const auto* const kTexts =
      new absl::flat_hash_map<std::string, std::string>{
          {"ENCODING", "字符编码有误，不是所声明的编码"},
          {"COLUMNS", "列数与表头不符，或引号不配对"},
          {"MISSING", "主键或必填项为空"},
          {"TOO_LONG", "内容超过该项允许的长度"},
          {"FORMAT", "不是有效的日期、年月、数字或金额"},
          {"CODE", "不在代码表内"},
          {"ID_LEN", "证件号码长度不对"},
          {"ID_CHAR", "证件号码含有不允许的字符"},
          {"ID_DATE", "公民身份号码中的出生日期不存在"},
          {"ID_FUTURE", "公民身份号码中的出生日期在今天之后"},
          {"ID_TOO_OLD", "公民身份号码中的出生日期早于1850年"},
          {"ID_DIVISION", "公民身份号码中的行政区划代码从未使用过"},
          {"ID_SEQ", "公民身份号码的顺序码不能为000"},
          {"ID_CHECK", "公民身份号码校验码不符"},
          {"USCC_LEN", "统一社会信用代码应为18位"},
          {"USCC_CHAR", "统一社会信用代码含有不允许的字符"},
          {"USCC_DIVISION", "统一社会信用代码中的行政区划代码无效"},
          {"USCC_ORG", "统一社会信用代码中的组织机构代码校验码不符"},
          {"USCC_CHECK", "统一社会信用代码校验码不符"},
          {"DIVISION", "行政区划不属于本市"},
          {"ORDER", "结束日期早于开始日期"},
          {"AMOUNT", "实缴大于应缴，或有缴费而无缴费基数"},
          {"IDENTITY", "同一号码的姓名和出生日期都与已存人员不同（疑似重号）"},
          {"DUPLICATE", "本次导入中已有主键相同而内容不同的行"}};
  const auto found = kTexts->find(std::string(code));
  return found == kTexts->end() ? std::string(code) : found->second;
}

RowParser::RowParser(const RecordSchema& schema, const RowRules& rules)
    : schema_(schema), rules_(rules) {
  for (const FieldSchema& field : schema.fields) {
    lists_.push_back(CodeLists::Get().Find(field.code_list));
  }
}

bool RowParser::IsListed(const FieldSchema& field,
                         std::string_view value) const {
  const CodeLists::List* list = lists_[field.index];
  return list != nullptr &&
         list->contains(absl::string_view(value.data(), value.size()));
}

void RowParser::Report(int rank, std::string_view code, int field) {
  if (field >= 0 && schema_.fields[field].key && rank < kDivision) {
    key_known_ = false;
  }
  if (rank >= issue_rank_) return;
  issue_rank_ = rank;
  issue_ = {code, field};
}

void RowParser::Repaired(Repair repair) {
  ++repairs_[static_cast<size_t>(repair)];
}

void RowParser::Forget() {
  key_known_ = false;
  repairs_ = {};
  unknown_values_.clear();
}

void RowParser::Start(Row* row) {
  row->Reset(schema_);
  issue_ = {};
  issue_rank_ = kNone;
  key_known_ = true;
  repairs_ = {};
  unknown_values_.clear();
}

RowIssue RowParser::Finish(const Row& row) {
  if (issue_rank_ > kOrder) CheckOrder(row);
  if (issue_rank_ > kAmount) CheckAmounts(row);
  return issue_;
}

RowIssue RowParser::ParseTyped(const Row& typed, Row* row) {
  Start(row);
  for (const FieldSchema& field : schema_.fields) {
    if (field.kind == ValueKind::kText) {
      const std::string_view text = typed.text(field.index);
      if (base::IsValidUtf8(text)) {
        ParseField(field, text, row);
      } else {
        Report(kEncoding, "ENCODING", field.index);
      }
    } else if (!typed.has(field.index)) {
      ReportIfNeeded(field);
    } else if (field.format == FieldFormat::FIELD_FORMAT_DIVISION) {
      TakeDivision(field, typed.number(field.index), row);
    } else {
      TakeNumber(field, typed.number(field.index), row);
    }
  }
  return Finish(*row);
}

RowIssue RowParser::Parse(const std::vector<std::string_view>& texts,
                          const std::vector<bool>& undecodable, Row* row) {
  Start(row);
  for (const FieldSchema& field : schema_.fields) {
    if (undecodable[field.index]) {
      Report(kEncoding, "ENCODING", field.index);
    } else {
      ParseField(field, texts[field.index], row);
    }
  }
  return Finish(*row);
}

void RowParser::ReportIfNeeded(const FieldSchema& field) {
  const bool needed = field.mandatory || (field.key && !field.key_may_be_empty);
  if (needed) Report(kMissing, "MISSING", field.index);
}

void RowParser::TakeNumber(const FieldSchema& field, int64_t value, Row* row) {
  if (!IsValue(field, value)) return Report(kFormat, "FORMAT", field.index);
  row->SetNumber(field.index, value);
}

void RowParser::ParseField(const FieldSchema& field, std::string_view text,
                           Row* row) {
  text = RepairText(field, text, row);
  if (text.empty()) return ReportIfNeeded(field);
  // A zero byte ends a text in a record's key.
  if (text.find('\0') != text.npos) {
    return Report(kFormat, "FORMAT", field.index);
  }
  switch (field.format) {
    case FieldFormat::FIELD_FORMAT_TEXT:
    case FieldFormat::FIELD_FORMAT_RECORD_NUMBER:
      return ParseText(field, text, row);
    case FieldFormat::FIELD_FORMAT_CODE:
      return ParseCode(field, text, row);
    case FieldFormat::FIELD_FORMAT_ID_NUMBER:
      return ParseIdNumber(field, text, row);
    case FieldFormat::FIELD_FORMAT_CREDIT_CODE: {
      const std::string_view code = CheckCreditCode(text);
      if (!code.empty()) return Report(kCreditCode, code, field.index);
      return row->SetText(field.index, text);
    }
    case FieldFormat::FIELD_FORMAT_DIVISION:
      return ParseDivision(field, text, row);
    default: {
      int64_t value = 0;
      if (!ParseNumber(field, text, &value)) {
        return Report(kFormat, "FORMAT", field.index);
      }
      TakeNumber(field, value, row);
    }
  }
}

std::string_view RowParser::RepairText(const FieldSchema& field,
                                       std::string_view text, Row* row) {
  const std::string_view trimmed = Trim(text);
  if (trimmed.size() != text.size()) Repaired(Repair::kTrim);
  if (IsFreeText(field.format)) return trimmed;
  if (trimmed.find('x') == trimmed.npos && base::IsAscii(trimmed))
    return trimmed;
  scratch_.clear();
  bool half = false;
  for (size_t i = 0; i < trimmed.size();) {
    const char ascii = HalfWidth(trimmed.substr(i));
    half = half || ascii != 0;
    scratch_.push_back(ascii != 0 ? ascii : trimmed[i]);
    i += ascii != 0 ? 3 : 1;
  }
  if (half) Repaired(Repair::kFullwidth);
  if (scratch_.find('x') != scratch_.npos) {
    std::replace(scratch_.begin(), scratch_.end(), 'x', 'X');
    Repaired(Repair::kLowerX);
  }
  return row->Keep(scratch_);
}

void RowParser::ParseText(const FieldSchema& field, std::string_view text,
                          Row* row) {
  if (text.size() > field.length_max &&
      CountCharacters(text) > field.length_max) {
    return Report(kTooLong, "TOO_LONG", field.index);
  }
  row->SetText(field.index, text);
}

void RowParser::ParseCode(const FieldSchema& field, std::string_view text,
                          Row* row) {
  if (!field.code_list_closed) {
    ParseText(field, text, row);
    if (!field.code_list.empty() && !IsListed(field, text)) {
      unknown_values_.push_back(field.index);
    }
    return;
  }
  if (!IsListed(field, text)) {
    return Report(kCode, "CODE", field.index);
  }
  row->SetText(field.index, text);
}

void RowParser::ParseIdNumber(const FieldSchema& field, std::string_view text,
                              Row* row) {
  if (text.size() > field.length_max &&
      CountCharacters(text) > field.length_max) {
    return Report(kTooLong, "TOO_LONG", field.index);
  }
  const std::string_view code =
      CheckIdNumber(text, {rules_.today, rules_.synthetic});
  if (!code.empty()) return Report(kIdNumber, code, field.index);
  if (text.size() == 15 && text[0] >= '0' && text[0] <= '9') {
    Repaired(Repair::kId15);
    return row->StoreText(field.index, ConvertId15(text));
  }
  row->SetText(field.index, text);
}

void RowParser::ParseDivision(const FieldSchema& field, std::string_view text,
                              Row* row) {
  int64_t value = 0;
  if (!ParseFixedDigits(text, 6, &value)) {
    return Report(kDivision, "DIVISION", field.index);
  }
  TakeDivision(field, value, row);
}

void RowParser::TakeDivision(const FieldSchema& field, int64_t value,
                             Row* row) {
  if (value < 0 || value > 999'999 ||
      !Divisions::Get().BelongsTo(static_cast<uint32_t>(value), rules_.city)) {
    return Report(kDivision, "DIVISION", field.index);
  }
  row->SetNumber(field.index, value);
}

void RowParser::CheckOrder(const Row& row) {
  for (const FieldSchema& field : schema_.fields) {
    if (field.not_before < 0 || !row.has(field.index) ||
        !row.has(field.not_before)) {
      continue;
    }
    if (row.number(field.index) < row.number(field.not_before)) {
      return Report(kOrder, "ORDER", field.index);
    }
  }
}

void RowParser::CheckAmounts(const Row& row) {
  CheckBase(row);
  for (const PaidWithinDue& limit : schema_.paid_within_due) {
    const int64_t due = row.number(limit.due);
    if (due >= 0 && row.number(limit.paid) > due) {
      Report(kAmount, "AMOUNT", limit.paid);
    }
  }
}

void RowParser::CheckBase(const Row& row) {
  if (!schema_.base_of_payment.has_value()) return;
  const BaseOfPayment& rule = *schema_.base_of_payment;
  int64_t paid = 0;
  for (const int field : rule.paid) paid += row.number(field);
  const auto& free = rule.unless_values;
  if (paid > 0 && row.number(rule.base) <= 0 &&
      std::find(free.begin(), free.end(), row.text(rule.unless_field)) ==
          free.end()) {
    Report(kAmount, "AMOUNT", rule.base);
  }
}

}  // namespace tongchou::records
