#include "common/records/id_number.h"

#include <algorithm>
#include <array>

#include "common/base/clock.h"
#include "common/records/division.h"
#include "common/records/text_encoding.h"

namespace tongchou::records {
namespace {

constexpr size_t kIdLength = 18;
constexpr size_t kOldIdLength = 15;
constexpr size_t kCreditCodeLength = 18;
constexpr std::string_view kCreditCodeAlphabet =
    "0123456789ABCDEFGHJKLMNPQRTUWXY";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}
bool AllDigits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), IsDigit);
}

uint32_t Number(std::string_view digits) {
  uint32_t value = 0;
  for (const char c : digits)
    value = value * 10 + static_cast<uint32_t>(c - '0');
  return value;
}

std::string_view CheckDocument(std::string_view text) {
  const size_t length = CountCharacters(text);
  if (length < kDocumentCharactersMin || length > kDocumentCharactersMax) {
    return "ID_LEN";
  }
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return IsDigit(c) || IsLetter(c);
  });
  return plain ? "" : "ID_CHAR";
}

// 36xxxx must have been issued; of other provinces only 00 is impossible.
bool IsDivision(uint32_t division) {
  if (division / 10'000 == kProvinceDivision / 10'000) {
    return Divisions::Get().WasEverIssued(division);
  }
  return division >= 10'000;
}

bool IsIdDivision(uint32_t division, bool synthetic) {
  if (synthetic && division >= kSyntheticDivisionMin &&
      division <= kSyntheticDivisionMax) {
    return true;
  }
  return IsDivision(division);
}

std::string_view CheckId18(std::string_view text, const IdNumberRules& rules) {
  const uint32_t day = Number(text.substr(6, 8));
  if (!base::IsValidDay(day)) return "ID_DATE";
  if (day > rules.today) return "ID_FUTURE";
  if (day < kBirthDayMin) return "ID_TOO_OLD";
  if (!IsIdDivision(Number(text.substr(0, 6)), rules.synthetic)) {
    return "ID_DIVISION";
  }
  if (text.substr(14, 3) == "000") return "ID_SEQ";
  return IdCheckCharacter(text.substr(0, 17)) == text[17] ? "" : "ID_CHECK";
}

size_t CreditCodeValue(char c) { return kCreditCodeAlphabet.find(c); }

int OrganisationValue(char c) { return IsDigit(c) ? c - '0' : c - 'A' + 10; }

char OrganisationCheck(std::string_view eight) {
  constexpr std::array<int, 8> kWeights = {3, 7, 9, 10, 5, 8, 4, 2};
  int sum = 0;
  for (size_t i = 0; i < eight.size(); ++i) {
    sum += OrganisationValue(eight[i]) * kWeights[i];
  }
  const int check = 11 - sum % 11;
  if (check == 10) return 'X';
  return check == 11 ? '0' : static_cast<char>('0' + check);
}

char CreditCodeCheck(std::string_view seventeen) {
  size_t sum = 0;
  size_t weight = 1;
  for (const char c : seventeen) {
    sum += CreditCodeValue(c) * weight;
    weight = weight * 3 % 31;
  }
  return kCreditCodeAlphabet[(31 - sum % 31) % 31];
}

}  // namespace

char IdCheckCharacter(std::string_view digits17) {
  constexpr std::array<int, 17> kWeights = {7, 9, 10, 5,  8, 4, 2, 1, 6,
                                            3, 7, 9,  10, 5, 8, 4, 2};
  int sum = 0;
  for (size_t i = 0; i < kWeights.size(); ++i) {
    sum += (digits17[i] - '0') * kWeights[i];
  }
  return "10X98765432"[sum % 11];
}

std::string ConvertId15(std::string_view digits) {
  const bool over_100 = Number(digits.substr(12)) >= 996;
  std::string id(digits.substr(0, 6));
  id += over_100 ? "18" : "19";
  id += digits.substr(6);
  id.push_back(IdCheckCharacter(id));
  return id;
}

std::string_view CheckIdNumber(std::string_view text,
                               const IdNumberRules& rules) {
  if (!text.empty() && IsLetter(text[0])) return CheckDocument(text);
  const size_t length = CountCharacters(text);
  if (length != kIdLength && length != kOldIdLength) return "ID_LEN";
  if (text.size() != length) return "ID_CHAR";
  if (length == kOldIdLength) {
    if (!AllDigits(text)) return "ID_CHAR";
    return CheckId18(ConvertId15(text), rules);
  }
  if (!AllDigits(text.substr(0, 17)) ||
      (!IsDigit(text[17]) && text[17] != 'X')) {
    return "ID_CHAR";
  }
  return CheckId18(text, rules);
}

std::string_view CheckCreditCode(std::string_view text) {
  if (CountCharacters(text) != kCreditCodeLength) return "USCC_LEN";
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return CreditCodeValue(c) != kCreditCodeAlphabet.npos;
  });
  if (!plain || text.size() != kCreditCodeLength) return "USCC_CHAR";
  const std::string_view division = text.substr(2, 6);
  if (!AllDigits(division)) return "USCC_CHAR";
  if (!IsDivision(Number(division))) return "USCC_DIVISION";
  if (OrganisationCheck(text.substr(8, 8)) != text[16]) return "USCC_ORG";
  return CreditCodeCheck(text.substr(0, 17)) == text[17] ? "" : "USCC_CHECK";
}

}  // namespace tongchou::records
