#include "cli/query/figures.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <map>

#include "cli/text.h"
#include "common/base/status.h"
#include "common/records/division.h"
#include "tongchou/v1/query.grpc.pb.h"

namespace tongchou::cli {
namespace {

using Align = Table::Align;

std::string NameOf(uint32_t division) {
  return records::Divisions::Get().Name(division);
}

std::string CityCell(const v1::Figure& figure) {
  if (figure.city() != 0) return NameOf(figure.city());
  return figure.once() ? "全省(人次去重)" : "全省";
}

std::string ValueCell(const v1::Figure& figure, bool plain) {
  if (!figure.has_value()) return plain ? "" : std::string(kUnknown);
  return plain ? std::to_string(figure.value()) : WithCommas(figure.value());
}

std::string YuanCell(const v1::Figure& figure, bool plain) {
  if (!IsMoney(figure.id()) || !figure.has_value()) return {};
  std::string yuan = FormatYuan(figure.value());
  if (plain) std::erase(yuan, ',');
  return yuan;
}

void Take(const v1::GetIndicatorsResponse& response, bool first,
          FigureAnswer* answer) {
  if (first) {
    answer->as_of = response.as_of();
    answer->on = response.on();
    answer->basis = response.basis();
    answer->final = response.final();
    answer->provisional_cities.assign(response.provisional_cities().begin(),
                                      response.provisional_cities().end());
  }
  answer->figures.insert(answer->figures.end(), response.figures().begin(),
                         response.figures().end());
}

}  // namespace

absl::StatusOr<FigureAnswer> FetchFigures(
    const Connection& aggregator, const v1::GetIndicatorsRequest& request) {
  const auto stub = v1::Query::NewStub(aggregator.channel);
  grpc::ClientContext context;
  const auto stream = stub->GetIndicators(&context, request);
  FigureAnswer answer;
  v1::GetIndicatorsResponse response;
  for (bool first = true; stream->Read(&response); first = false) {
    Take(response, first, &answer);
  }
  RETURN_IF_ERROR(CallStatus(aggregator, stream->Finish()));
  return answer;
}

bool IsMoney(std::string_view id) {
  return id == "K1.6" || id == "K6.amount" || id == "K6.balance";
}

Table FigureTable(const std::vector<v1::Figure>& figures, bool plain) {
  const bool money =
      std::any_of(figures.begin(), figures.end(),
                  [](const v1::Figure& one) { return IsMoney(one.id()); });
  std::vector<Table::Column> columns = {{"id"},     {"city"},
                                        {"county"}, {"insurance"},
                                        {"period"}, {"value", Align::kRight}};
  if (money) columns.push_back({"yuan", Align::kRight});
  Table table(std::move(columns));
  for (const v1::Figure& figure : figures) {
    std::vector<std::string> cells = {
        figure.id(),
        CityCell(figure),
        figure.county() == 0 ? "" : NameOf(figure.county()),
        figure.insurance(),
        figure.period() == 0 ? "" : std::to_string(figure.period()),
        ValueCell(figure, plain)};
    if (money) cells.push_back(YuanCell(figure, plain));
    table.Add(std::move(cells));
  }
  return table;
}

Json FiguresJson(const FigureAnswer& answer) {
  Json figures = Json::array();
  for (const v1::Figure& figure : answer.figures) {
    figures.push_back(FigureJson(figure));
  }
  Json provisional = Json::array();
  for (const uint32_t city : answer.provisional_cities) {
    provisional.push_back(DivisionText(city));
  }
  return {{"as_of", DayJson(answer.as_of)},
          {"on", DayJson(answer.on)},
          {"indicators", std::move(figures)},
          {"basis", BasisJson(answer.basis)},
          {"final", answer.final},
          {"provisional_cities", std::move(provisional)}};
}

std::string Freshness(const FigureAnswer& answer, size_t width) {
  std::map<v1::CityState, int> states;
  std::vector<std::string> behind;
  int64_t oldest = 0;
  for (const v1::CityBasis& city : answer.basis.cities()) {
    ++states[city.state()];
    if (oldest == 0 || city.commit_time_us() < oldest) {
      oldest = city.commit_time_us();
    }
    if (city.state() != v1::CITY_STATE_LIVE) {
      behind.push_back(NameOf(city.city()) + " " + StateName(city.state()) +
                       ";");
    }
  }
  std::vector<std::string> words = {
      "cities: " + std::to_string(answer.basis.cities_size()) + ",",
      "live: " + std::to_string(states[v1::CITY_STATE_LIVE]) + ";"};
  words.insert(words.end(), behind.begin(), behind.end());
  words.push_back("oldest commit " + ShortTime(oldest));
  std::string text = Wrap(words, width);
  if (answer.final) return text + "final: every city is past that day\n";
  std::vector<std::string> open = {"provisional: not past that day:"};
  for (const uint32_t city : answer.provisional_cities) {
    open.push_back(NameOf(city));
  }
  return text + Wrap(open, width);
}

}  // namespace tongchou::cli
