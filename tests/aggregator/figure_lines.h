// A small province whose figures are compared as lines of text.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "tests/aggregator/test_province.h"

namespace tongchou::aggregator {

inline constexpr uint32_t kNanchang = 360100;
inline constexpr uint32_t kJiujiang = 360400;
inline constexpr uint32_t kFirst = 20080110;
inline constexpr uint32_t kLast = 20080131;
inline const std::string kAn = TestPerson(1);
inline const std::string kBo = TestPerson(2);
inline const std::string kChen = TestPerson(3);

class UnifiedStateTest : public testing::Test {
 protected:
  void Put(uint32_t city, const std::string& type, Texts texts,
           uint32_t day = kFirst) {
    province_.Put(city, day, type, std::move(texts));
  }

  // All rows of one figure but zeros: "sum 3, once 2, 360100 3, 360111 1".
  std::string Line(const std::string& id, uint16_t insurance, uint32_t period,
                   FigureDays days = {kLast, kLast}) {
    if (!province_.city(kNanchang).empty() ||
        !province_.city(kJiujiang).empty()) {
      province_.SendAndApply();
    }
    std::vector<std::string> found;
    for (const auto& [key, value] : province_.Read(days.as_of, days.on)) {
      if (key.id != id || key.insurance != insurance || key.period != period ||
          value == 0) {
        continue;
      }
      std::string name = key.once ? "once" : "sum";
      if (key.city != 0) name = std::to_string(key.city);
      if (key.county != 0) name = std::to_string(key.county);
      found.push_back(absl::StrCat(
          name, " ", value.has_value() ? absl::StrCat(*value) : "null"));
    }
    return absl::StrJoin(found, ", ");
  }
  std::string AsOf(const std::string& id, uint32_t day,
                   uint16_t insurance = 0) {
    return Line(id, insurance, day, {day, day});
  }
  std::string On(const std::string& id, uint32_t day) {
    return Line(id, 0, day, {kLast, day});
  }

  void Enrol(uint32_t city, const std::string& who, const std::string& county,
             Texts more, uint32_t day = kFirst) {
    Texts texts = {{"AAC002", who},
                   {"AAB301", county},
                   {"AAE140", "110"},
                   {"AAC008", "1"},
                   {"AAC049", "200801"}};
    for (auto& [code, text] : more) texts[code] = text;
    Put(city, "enrolment", std::move(texts), day);
  }
  void Pay(const std::string& who, const std::string& county,
           const std::string& number, const std::string& paid,
           const std::string& day, const std::string& insurance = "110") {
    Put(county < "3604" ? kNanchang : kJiujiang, "contribution",
        {{"AAC002", who},
         {"AAE140", insurance},
         {"AAE003", "200801"},
         {"AAE002", "200801"},
         {"AAA115", "10"},
         {"EAZ058", number},
         {"AAB301", county},
         {"AAE180", "1000.00"},
         {"AAE020", "90.00"},
         {"AAE080", paid},
         {"AAE079", day}});
  }

  TestProvince province_;
};

}  // namespace tongchou::aggregator
