// The province's answer as somebody keeps it: JSON as the operator's command
// and quickstart write it.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "common/base/sha256.h"
#include "tests/audit/test_archive.h"

namespace tongchou::audit {

inline nlohmann::json AnswerJson(const TestClaims& claims) {
  const auto division = [](uint32_t code) {
    return code == 0 ? nlohmann::json() : nlohmann::json(std::to_string(code));
  };
  nlohmann::json answer = {{"as_of", base::FormatDay(claims.as_of)},
                           {"on", base::FormatDay(claims.on)},
                           {"indicators", nlohmann::json::array()},
                           {"basis", nlohmann::json::array()}};
  for (const auto& [name, value] : claims.figures) {
    answer["indicators"].push_back(
        {{"id", name.id},
         {"line", name.once ? nlohmann::json("once") : nlohmann::json("sum")},
         {"city", division(name.city)},
         {"county", division(name.county)},
         {"insurance", name.insurance.empty() ? nlohmann::json()
                                              : nlohmann::json(name.insurance)},
         {"period", std::to_string(name.period)},
         {"value",
          value.has_value() ? nlohmann::json(*value) : nlohmann::json()}});
  }
  for (const v1::CityBasis& city : claims.figures_basis.cities()) {
    answer["basis"].push_back({{"city", division(city.city())},
                               {"size", city.size()},
                               {"root", base::HexEncode(city.root())}});
  }
  return answer;
}

// The row of a figure in an answer.
inline nlohmann::json& RowOf(const std::string& id, const std::string& city,
                             nlohmann::json* answer) {
  for (nlohmann::json& row : (*answer)["indicators"]) {
    if (row["id"] == id && row["city"] == city) return row;
  }
  ADD_FAILURE() << "no row of " << id << " " << city;
  return (*answer)["indicators"][0];
}

}  // namespace tongchou::audit
