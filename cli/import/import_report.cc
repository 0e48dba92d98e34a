#include "cli/import/import_report.h"

#include <array>
#include <map>

#include "cli/answer_json.h"
#include "cli/table.h"
#include "cli/text.h"

namespace tongchou::cli {
namespace {

constexpr size_t kNumbers = 7;
using Numbers = std::array<uint64_t, kNumbers>;
using Align = Table::Align;

Numbers NumbersOf(const v1::ImportReceipt& receipt) {
  return {receipt.rows_read(),         receipt.rows_inserted(),
          receipt.rows_updated(),      receipt.rows_unchanged(),
          receipt.rows_deleted(),      CountAll(receipt.rejected()),
          CountAll(receipt.repaired())};
}

std::vector<std::string> Cells(const std::string& name, const Numbers& numbers,
                               bool plain) {
  std::vector<std::string> cells = {name};
  for (const uint64_t number : numbers) {
    cells.push_back(plain ? std::to_string(number)
                          : WithCommas(static_cast<int64_t>(number)));
  }
  return cells;
}

std::vector<Table::Column> Columns() {
  return {{"file"},
          {"read", Align::kRight},
          {"inserted", Align::kRight},
          {"updated", Align::kRight},
          {"unchanged", Align::kRight},
          {"deleted", Align::kRight},
          {"rejected", Align::kRight},
          {"repaired", Align::kRight}};
}

void AppendNotes(const std::vector<v1::ImportReceipt>& receipts,
                 std::string* text) {
  std::map<std::string, uint64_t> rejected;
  for (const v1::ImportReceipt& receipt : receipts) {
    for (const v1::NamedCount& one : receipt.rejected()) {
      rejected[one.name()] += one.count();
    }
    if (!receipt.refused_code().empty()) {
      *text += Printable(receipt.file_name() +
                         ": refused: " + receipt.refused_code() + ": " +
                         receipt.refused_reason()) +
               '\n';
    } else if (IsInterrupted(receipt)) {
      *text += Printable(receipt.file_name()) + ": interrupted\n";
    }
  }
  if (rejected.empty()) return;
  std::vector<std::string> words = {"rejected:"};
  for (const auto& [code, count] : rejected) {
    words.push_back(code + " " + WithCommas(static_cast<int64_t>(count)));
  }
  *text += Wrap(words, 80);
}

std::string Csv(const std::vector<v1::ImportReceipt>& receipts) {
  std::vector<Table::Column> columns = Columns();
  columns.push_back({"refused"});
  columns.push_back({"interrupted"});
  Table table(std::move(columns));
  for (const v1::ImportReceipt& receipt : receipts) {
    std::vector<std::string> cells =
        Cells(receipt.file_name(), NumbersOf(receipt), true);
    cells.push_back(receipt.refused_code());
    cells.push_back(IsInterrupted(receipt) ? "interrupted" : "");
    table.Add(std::move(cells));
  }
  return table.Csv();
}

std::string AsJson(const std::vector<v1::ImportReceipt>& receipts,
                   uint64_t committed) {
  Json files = Json::array();
  for (const v1::ImportReceipt& receipt : receipts) {
    files.push_back(FileJson(receipt));
  }
  return JsonText({{"files", std::move(files)}, {"committed", committed}});
}

}  // namespace

uint64_t CountAll(
    const google::protobuf::RepeatedPtrField<v1::NamedCount>& counts) {
  uint64_t all = 0;
  for (const v1::NamedCount& one : counts) all += one.count();
  return all;
}

std::string ImportReport(const std::vector<v1::ImportReceipt>& receipts,
                         uint64_t committed, Format format) {
  if (format == Format::kJson) return AsJson(receipts, committed);
  if (format == Format::kCsv) return Csv(receipts);
  Table table(Columns());
  Numbers totals{};
  for (const v1::ImportReceipt& receipt : receipts) {
    const Numbers numbers = NumbersOf(receipt);
    for (size_t i = 0; i < kNumbers; ++i) totals[i] += numbers[i];
    table.Add(Cells(receipt.file_name(), numbers, false));
  }
  table.Add(Cells("total", totals, false));
  std::string text = table.Text();
  AppendNotes(receipts, &text);
  return text;
}

}  // namespace tongchou::cli
