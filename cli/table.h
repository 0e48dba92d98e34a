// Tables for terminals and spreadsheets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/display_text.h"

namespace tongchou::cli {

using base::DisplayWidth;
using base::Printable;

// RFC 4180: quoted when it must be.
std::string CsvField(std::string_view text);
void AppendCsvLine(const std::vector<std::string>& fields,
                   std::string_view line_end, std::string* out);

// Not thread-safe.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string header;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns);

  // As many cells as columns. Returns the table.
  Table& Add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  // A header and a line per row, two blanks between columns.
  std::string Text() const;
  // With line feeds; `with_header` false for what continues a table.
  std::string Csv(bool with_header = true) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace tongchou::cli
