// Citizen identity numbers (GB 11643-1999; 15 digits before 1999) and unified
// social credit codes (GB 32100-2015 with GB 11714 inside).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tongchou::records {

inline constexpr uint32_t kBirthDayMin = 18'500'101;
inline constexpr size_t kDocumentCharactersMin = 4;
inline constexpr size_t kDocumentCharactersMax = 32;
// Divisions of generated data, never assigned to a place.
inline constexpr uint32_t kSyntheticDivisionMin = 369'901;
inline constexpr uint32_t kSyntheticDivisionMax = 369'999;

struct IdNumberRules {
  uint32_t today = 99'991'231;  // births after it are ID_FUTURE
  bool synthetic = false;       // accepts the divisions of generated data
};

// Reject code (ID_LEN, ID_CHAR, ID_DATE, ID_FUTURE, ID_TOO_OLD, ID_DIVISION,
// ID_SEQ, ID_CHECK); empty = valid. 15 digits are checked as the 18 that they
// become. A text that begins with a letter is another document. UTF-8.
std::string_view CheckIdNumber(std::string_view text,
                               const IdNumberRules& rules);

// 18 characters for 15 digits: century 19, or 18 for the order numbers 996 to
// 999 that were kept for people over 100.
std::string ConvertId15(std::string_view digits);

// GB 11643 check character of 17 digits.
char IdCheckCharacter(std::string_view digits17);

// Reject code (USCC_LEN, USCC_CHAR, USCC_DIVISION, USCC_ORG, USCC_CHECK);
// empty = valid.
std::string_view CheckCreditCode(std::string_view text);

}  // namespace tongchou::records
