#include "cli/table.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace tongchou::cli {
namespace {

constexpr size_t kGap = 2;

}  // namespace

std::string CsvField(std::string_view text) {
  const bool blank_at_end =
      !text.empty() && (text.front() == ' ' || text.back() == ' ');
  if (!blank_at_end && text.find_first_of(",\"\r\n") == text.npos) {
    return std::string(text);
  }
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

void AppendCsvLine(const std::vector<std::string>& fields,
                   std::string_view line_end, std::string* out) {
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i != 0) *out += ',';
    *out += CsvField(fields[i]);
  }
  *out += line_end;
}

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

Table& Table::Add(std::vector<std::string> cells) {
  TONGCHOU_CHECK(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
  return *this;
}

std::string Table::Text() const {
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns_) lines[0].push_back(column.header);
  for (const auto& row : rows_) {
    std::vector<std::string>& line = lines.emplace_back();
    for (const std::string& cell : row) line.push_back(Printable(cell));
  }
  std::vector<size_t> widths(columns_.size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(line[i]));
    }
  }
  std::string text;
  for (const auto& line : lines) {
    std::string out;
    for (size_t i = 0; i < line.size(); ++i) {
      const std::string blanks(widths[i] - DisplayWidth(line[i]), ' ');
      if (i != 0) out.append(kGap, ' ');
      out += columns_[i].align == Align::kRight ? blanks + line[i]
                                                : line[i] + blanks;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    text += out + '\n';
  }
  return text;
}

std::string Table::Csv(bool with_header) const {
  std::string text;
  if (with_header) {
    std::vector<std::string> headers;
    for (const Column& column : columns_) headers.push_back(column.header);
    AppendCsvLine(headers, "\n", &text);
  }
  for (const auto& row : rows_) AppendCsvLine(row, "\n", &text);
  return text;
}

}  // namespace tongchou::cli
