// Rows of a file, read one at a time by the standard import profile.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "common/records/csv_reader.h"
#include "common/records/file_reader.h"
#include "common/records/record_key.h"

namespace tongchou::records {

class Reading : public testing::Test {
 protected:
  RowRules rules_{360'100, 20'081'031, true};

  std::optional<Refusal> Header(const std::string& type,
                                const std::string& header,
                                bool ignore_unknown = false) {
    reader_ = std::make_unique<FileReader>(
        *Schema::Get().Find(type),
        FileRules{rules_, Encoding::kUtf8, ignore_unknown}, profile_);
    std::optional<Refusal> refusal;
    CsvReader csv([&](const CsvRecord& record) {
      refusal = reader_->ReadHeader(record);
    });
    csv.Feed(header + "\n");
    return refusal;
  }

  std::string Code(const std::string& line) {
    RowIssue issue{"no row", -1};
    CsvReader csv([&](const CsvRecord& record) {
      issue = reader_->ReadRow(record, &row_);
      // Texts of the row live as long as the record.
      if (issue.code.empty()) key_ = KeyOf(row_);
    });
    csv.Feed(line + "\n");
    if (issue.field < 0) return std::string(issue.code);
    return std::string(issue.code) + " " +
           row_.schema().fields[issue.field].code;
  }

  int repaired(Repair repair) const {
    return reader_->parser().repairs()[static_cast<size_t>(repair)];
  }

  TypeProfile profile_;
  std::unique_ptr<FileReader> reader_;
  Row row_;
  std::string key_;
};

inline constexpr char kEnrolment[] =
    "AAC002,AAE140,AAC001,AAB001,AAB301,AAC008,AAC031,AAC084,AAC028,AAC030,"
    "AAC049,AAE031";
inline constexpr char kId[] = "11010519491231002X";
inline constexpr char kContribution[] =
    "AAC002,AAE140,AAE003,AAE002,AAA115,AAB001,EAZ058,AAB301,AAE180,AAE020,"
    "AAE022,AAE080,AAE082,AAE079";

}  // namespace tongchou::records
