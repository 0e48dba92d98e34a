// Invented people and organisations with valid numbers.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tongchou::cli {

struct Person {
  uint64_t number = 0;  // position in the province
  std::array<char, 18> id;
  uint32_t birth = 0;  // YYYYMMDD
  bool male = false;
  uint32_t died = 0;  // YYYYMMDD, in the year of the first day; 0 = alive

  std::string_view Id() const { return {id.data(), id.size()}; }
};

// Thread-safe.
class PersonMaker {
 public:
  // `first_clock` is the day of the first delivery, YYYYMMDD.
  PersonMaker(uint64_t seed, uint32_t first_clock);

  // The same number gives the same person; different numbers give different
  // ID numbers (up to 2,200,000,000 people). Divisions 369901 to 369999, which
  // were never assigned; births from 1930 to 1990.
  Person At(uint64_t number) const;

  // One surname and one or two characters; a few with characters outside the
  // basic plane or with the middle dot of minority names.
  std::string Name(const Person& person) const;

 private:
  uint64_t seed_;
  uint32_t first_clock_;
  uint64_t step_;  // coprime to the number of possible ID numbers
  uint64_t start_;
};

// Check character of GB 11643 over the first 17 digits.
char IdCheck(std::string_view digits);

// Check character of GB 32100 over the first 17 characters.
char CreditCheck(std::string_view code);
// Check character of GB 11714 over the first 8 characters.
char OrganisationCheck(std::string_view code);
// A whole credit code: registrar and class, county, organisation number of
// eight digits, both check characters.
std::array<char, 18> MakeCreditCode(std::string_view registrar_and_class,
                                    uint32_t county, uint32_t organisation);

}  // namespace tongchou::cli
