// Writing one export file: rows of fields, GB 18030, CR LF, in large pieces.
#pragma once

#include <iconv.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/generate/dirt.h"
#include "cli/generate/layouts.h"

namespace tongchou::cli {

// The fields of one row in UTF-8; reuse one for many rows. The values may not
// contain commas, quotes or line ends.
class CsvRow {
 public:
  static constexpr size_t kMaxFields = 20;

  void Clear() {
    text_.clear();
    count_ = 0;
  }
  CsvRow& Text(std::string_view text) {
    text_.append(text);
    return End();
  }
  CsvRow& Empty() { return End(); }
  CsvRow& Number(uint64_t number);
  // A day or month; 0 is written as nothing.
  CsvRow& Date(uint32_t date) { return date == 0 ? End() : Number(date); }
  CsvRow& Money(int64_t fen);
  // Ten-thousandths.
  CsvRow& Rate(uint32_t rate);

  size_t size() const { return count_; }
  std::string_view Field(size_t i) const {
    const uint32_t from = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(text_).substr(from, ends_[i] - from - 1);
  }
  // The row without line end.
  std::string_view Line() const {
    return std::string_view(text_).substr(0, text_.size() - 1);
  }

 private:
  CsvRow& End() {
    text_ += ',';
    ends_[count_++] = static_cast<uint32_t>(text_.size());
    return *this;
  }

  std::string text_;
  std::array<uint32_t, kMaxFields> ends_;
  size_t count_ = 0;
};

// What stands in a file, for the manifest.
struct FileCounts {
  uint64_t rows = 0;  // data rows, broken ones included
  uint64_t bytes = 0;
  uint64_t inserted = 0;  // against the first day
  uint64_t updated = 0;
  uint64_t deleted = 0;
  std::map<std::string, uint64_t> broken;    // by reject code
  std::map<std::string, uint64_t> repaired;  // by kind of repair
};

// Errors of single writes are kept and reported by Close. Not thread-safe.
class CsvFile {
 public:
  // `first_dirt`: that of the first day's file when this is a later one, whose
  // rows are compared with it.
  static absl::StatusOr<std::unique_ptr<CsvFile>> Create(
      const std::string& path, const Layout& layout, const Dirt& dirt,
      const std::optional<Dirt>& first_dirt);
  ~CsvFile();
  CsvFile(const CsvFile&) = delete;
  CsvFile& operator=(const CsvFile&) = delete;

  // `build(later, row)` fills the row as of the first day or later; false when
  // the record does not exist then. Writes what exists on the wanted day.
  template <typename Build>
  void Put(const Build& build) {
    row_.Clear();
    const bool exists = build(false, row_);
    if (!first_dirt_.has_value()) {
      if (exists) Write(row_, /*stored=*/false);
      return;
    }
    later_row_.Clear();
    const bool exists_later = build(true, later_row_);
    Compare(exists, exists_later);
    const bool stored = exists && first_dirt_->LetsPass(row_);
    if (exists_later) Write(later_row_, stored);
  }
  // A record that is the same on every day.
  template <typename Build>
  void PutSame(const Build& build) {
    row_.Clear();
    if (!build(false, row_)) return;
    Write(row_, first_dirt_.has_value() && first_dirt_->LetsPass(row_));
  }

  // Flushes; the counts are final after OK.
  absl::Status Close();
  const FileCounts& counts() const { return counts_; }

 private:
  CsvFile(const std::string& path, const Dirt& dirt,
          const std::optional<Dirt>& first_dirt);
  void Write(const CsvRow& row, bool stored);
  void Line(std::string_view line);
  void Compare(bool exists, bool exists_later);
  void Flush();
  void Output(std::string_view bytes);
  absl::Status Convert();

  std::string path_;
  Dirt dirt_;
  std::optional<Dirt> first_dirt_;
  std::FILE* file_ = nullptr;
  iconv_t converter_;
  absl::Status status_;
  CsvRow row_;
  CsvRow later_row_;
  std::string pending_;    // UTF-8, whole rows
  std::string converted_;  // GB 18030
  FileCounts counts_;
};

}  // namespace tongchou::cli
