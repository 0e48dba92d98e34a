#include "tests/bench/rows.h"

#include <array>
#include <iterator>
#include <string_view>

namespace tongchou::bench {
namespace {

// ID numbers: 99 divisions that were never assigned, 60 years of 336 days,
// 900 order codes.
constexpr uint64_t kOrders = 900;
constexpr uint64_t kDays = 28;
constexpr uint64_t kMonths = 12;
constexpr uint64_t kYears = 60;
constexpr uint64_t kNumbers = 99 * kYears * kMonths * kDays * kOrders;
constexpr int kHalfBits = 16;
constexpr uint64_t kUnits = 4'000;
constexpr size_t kPersonCodeLetters = 20;
constexpr size_t kUnitCodeLetters = 16;
// Three of each city; the city itself counts as one.
constexpr std::array<std::array<uint32_t, 3>, std::size(kCities)> kCounties = {{
    {360100, 360102, 360103},
    {360200, 360202, 360203},
    {360300, 360302, 360313},
    {360400, 360402, 360403},
    {360500, 360502, 360521},
    {360600, 360602, 360603},
    {360700, 360702, 360703},
    {360800, 360802, 360803},
    {360900, 360902, 360921},
    {361000, 361002, 361003},
    {361100, 361102, 361103},
}};

uint64_t Mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9;
  x ^= x >> 27;
  x *= 0x94d049bb133111eb;
  return x ^ x >> 31;
}

// A permutation of [0, kNumbers): a Feistel network over 32 bits, walked until
// it hits the range.
uint64_t Permute(uint64_t number) {
  constexpr uint64_t kMask = (1 << kHalfBits) - 1;
  do {
    uint64_t left = number >> kHalfBits;
    uint64_t right = number & kMask;
    for (uint64_t round = 1; round <= 4; ++round) {
      const uint64_t next = left ^ (Mix(right * 8 + round) & kMask);
      left = right;
      right = next;
    }
    number = left << kHalfBits | right;
  } while (number >= kNumbers);
  return number;
}

void AppendDigits(uint64_t value, size_t digits, std::string* out) {
  const size_t begin = out->size();
  out->resize(begin + digits);
  for (size_t i = digits; i-- > 0; value /= 10) {
    (*out)[begin + i] = static_cast<char>('0' + value % 10);
  }
}

char CheckCharacter(std::string_view body) {
  constexpr std::array<int, 17> kWeights = {7, 9, 10, 5,  8, 4, 2, 1, 6,
                                            3, 7, 9,  10, 5, 8, 4, 2};
  int sum = 0;
  for (size_t i = 0; i < body.size(); ++i) sum += (body[i] - '0') * kWeights[i];
  return "10X98765432"[sum % 11];
}

void MakeIdNumber(uint64_t number, std::string* id) {
  id->clear();
  const uint64_t order = number % kOrders;
  number /= kOrders;
  const uint64_t day = number % kDays;
  number /= kDays;
  const uint64_t month = number % kMonths;
  number /= kMonths;
  AppendDigits(369'901 + number / kYears, 6, id);
  AppendDigits(1930 + number % kYears, 4, id);
  AppendDigits(month + 1, 2, id);
  AppendDigits(day + 1, 2, id);
  AppendDigits(order + 1, 3, id);
  id->push_back(CheckCharacter(*id));
}

void MakeCode(uint64_t seed, size_t letters, std::string* code) {
  constexpr std::string_view kLetters = "0123456789ABCDEFGHJKLMNPQRSTUVWX";
  code->resize(letters);
  uint64_t bits = 0;
  for (size_t i = 0; i < letters; ++i) {
    if (i % 12 == 0) bits = Mix(++seed);
    (*code)[i] = kLetters[bits & 31];
    bits >>= 5;
  }
}

}  // namespace

void MakeRow(uint32_t city, uint64_t index, uint32_t version, Row* row) {
  const uint64_t place = (city - kCities[0]) / 100;
  const uint64_t person = place * kRowsPerCityMax + index;
  const uint64_t random = Mix(person * 2 + 1);
  row->city = city;
  MakeIdNumber(Permute(person), &row->id_number);
  row->insurance = "110";
  MakeCode(Mix(person), kPersonCodeLetters, &row->person_code);
  MakeCode(Mix(random % kUnits + place * kUnits), kUnitCodeLetters,
           &row->unit_code);
  row->division = kCounties[place][(random + version) % kCounties[0].size()];
  row->state = version % 2 == 0 ? "1" : "4";
  row->paying = version % 2 == 0 ? "1" : "2";
  row->retired = random >> 16 & 1 ? "1" : "0";
  row->rural = random >> 17 & 1 ? "1" : "0";
  const auto year = static_cast<uint32_t>(1990 + (random >> 24) % 18);
  const auto month = static_cast<uint32_t>(1 + (random >> 32) % 12);
  const auto day = static_cast<uint32_t>(1 + (random >> 40) % 28);
  row->first_month = year * 100 + month;
  row->from_day = row->first_month * 100 + day;
}

}  // namespace tongchou::bench
