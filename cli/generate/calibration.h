// What the generated province looks like: its eleven cities with their present
// counties and shares, and the code values that occur in the files.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tongchou::cli {

struct City {
  uint32_t code;          // 360100
  std::string_view name;  // 南昌市
  // Insured of 2008: pension (staff and retired), urban residents' medical and
  // the old rural pension. Persons are shared out in this proportion.
  uint32_t weight;
  std::span<const uint32_t> counties;  // in the order of their codes

  // 360100南昌市
  std::string Folder() const;
};

// The eleven prefecture cities in the order of their codes.
std::span<const City> Cities();

// `persons` shared out by weight, largest remainders first; the sum is exact.
std::vector<uint64_t> SharePersons(uint64_t persons);

// Insurance schemes (AAE140) that the files contain.
struct Scheme {
  std::string_view code;
  uint32_t unit_rate;      // ten-thousandths of the base; 0 = none
  uint32_t personal_rate;  // likewise
  uint32_t flat_fen;       // a month, for schemes without a base; else 0
};
inline constexpr std::array<Scheme, 8> kSchemes = {{
    {"110", 2000, 800, 0},
    {"210", 200, 100, 0},
    {"310", 600, 200, 0},
    {"410", 100, 0, 0},
    {"510", 70, 0, 0},
    {"170", 0, 0, 2500},
    {"390", 0, 0, 1250},
    {"391", 0, 0, 1000},
}};
inline constexpr size_t kPension = 0;  // index of 110
inline constexpr size_t kMedical = 2;  // index of 310

inline constexpr std::array<std::string_view, 5> kUnitKinds = {
    "10", "30", "50", "55", "70"};                                  // AAB019
inline constexpr std::string_view kTrades = "ABCDEFGHIJKLMNOPQRS";  // AAB022
inline constexpr std::array<std::string_view, 6> kUrban = {
    "10", "11", "12", "10", "10", "11"};  // AAC009
inline constexpr std::array<std::string_view, 3> kRural = {"20", "21", "22"};
inline constexpr std::string_view kDueNormal = "10";  // AAA115
inline constexpr std::string_view kDueBack = "20";
inline constexpr std::string_view kBasicPension = "100011";  // AAA036
inline constexpr std::string_view kByBank = "11";            // AAE145
inline constexpr std::array<std::string_view, 6> kJoblessCauses = {
    "1", "2", "3", "4", "5", "9"};  // AJC093
inline constexpr std::array<std::string_view, 7> kHardships = {
    "01", "02", "03", "04", "05", "06", "99"};  // ADC310
inline constexpr uint32_t kFilingKinds = 4;     // ACC032: 1 to 4
inline constexpr uint32_t kPlacements = 4;      // BCCS23: 1 to 4
inline constexpr uint32_t kOutworkPlaces = 5;   // BCCB22: 1 to 5

}  // namespace tongchou::cli
