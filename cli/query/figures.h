// Figures as the province answers them, and the table of them.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/answer_json.h"
#include "cli/connection.h"
#include "cli/table.h"
#include "tongchou/v1/query.pb.h"

namespace tongchou::cli {

struct FigureAnswer {
  uint32_t as_of = 0;
  uint32_t on = 0;
  v1::AnswerBasis basis;
  bool final = false;
  std::vector<uint32_t> provisional_cities;
  std::vector<v1::Figure> figures;
};

absl::StatusOr<FigureAnswer> FetchFigures(
    const Connection& aggregator, const v1::GetIndicatorsRequest& request);

// Whether the indicator is an amount of money, in fen.
bool IsMoney(std::string_view id);

// id, city, county, insurance, period, value, and yuan when one is money.
// `plain`: numbers without commas and nothing for what is not known.
Table FigureTable(const std::vector<v1::Figure>& figures, bool plain);
// {as_of, on, indicators[], basis[], final, provisional_cities[]}
Json FiguresJson(const FigureAnswer& answer);

// "as of 2008-10-31…": how fresh and how final the answer is, in lines of at
// most `width` columns.
std::string Freshness(const FigureAnswer& answer, size_t width);

}  // namespace tongchou::cli
