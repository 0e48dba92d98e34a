// The sixteen record types as files: names and columns, in the order of the
// standard import profile.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tongchou::cli {

enum class FileType : size_t {
  kUnit,
  kPerson,
  kEnrolment,
  kContribution,
  kBenefit,
  kFiling,
  kUnemployment,
  kHardship,
  kFamily,
  kFamilyMember,
  kRuralWorker,
  kLoan,
  kRepayment,
  kVacancy,
  kSeeker,
  kReferral,
};
inline constexpr size_t kFileTypes = 16;

struct Layout {
  static constexpr size_t kNone = static_cast<size_t>(-1);

  std::string name;                  // enrolment
  std::vector<std::string> columns;  // national field codes
  std::vector<size_t> required;      // columns that may not be empty
  size_t order_start = kNone;        // the day that order_end may not precede
  size_t order_end = kNone;
  size_t long_text = kNone;  // a free text whose length is limited

  // kNone when the type has no such column.
  size_t Find(std::string_view code) const;
  std::string Header() const;
};

const Layout& LayoutOf(FileType type);

}  // namespace tongchou::cli
