#include "aggregator/service/indicator_answer.h"

#include <algorithm>
#include <set>

#include "aggregator/indicators/figures.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/records/division.h"

namespace tongchou::aggregator {
namespace {

absl::Status CheckRequest(const v1::GetIndicatorsRequest& request) {
  const auto& known = FigureIds();
  for (const std::string& id : request.ids()) {
    if (std::find(known.begin(), known.end(), id) == known.end()) {
      return base::InvalidArgumentError(
          "there is no figure '{}'; the ids are K1.1 to K7.placed", id);
    }
  }
  for (const uint32_t day : {request.as_of(), request.on()}) {
    if (day != 0 && !base::IsValidDay(day)) {
      return base::InvalidArgumentError("{} is no day; write YYYYMMDD", day);
    }
  }
  for (const uint32_t code : {request.city(), request.county()}) {
    if (code != 0 && records::Divisions::Get().Find(code) == nullptr) {
      return base::InvalidArgumentError("there is no division {}", code);
    }
  }
  return absl::OkStatus();
}

// The newest commit day of all cities.
uint32_t NewestDay(const Position& position) {
  int64_t newest = 0;
  for (const auto& [code, city] : position.cities) {
    newest = std::max(newest, city.last_commit_time_us);
  }
  return base::ChinaDay(newest);
}

bool IsWanted(const FigureKey& key, const v1::GetIndicatorsRequest& request,
              const std::set<std::string>& ids) {
  if (!ids.empty() && !ids.contains(key.id)) return false;
  if (request.city() != 0 && key.city != request.city()) return false;
  if (request.county() != 0 && key.county != request.county()) return false;
  if (request.period() != 0 && key.period != request.period()) return false;
  if (key.county != 0) return !request.without_counties();
  if (key.city != 0) return !request.without_cities();
  return !request.without_province();
}

v1::Figure ToFigure(const FigureKey& key, std::optional<int64_t> value) {
  v1::Figure figure;
  figure.set_id(key.id);
  figure.set_city(key.city);
  figure.set_county(key.county);
  if (key.insurance != 0) figure.set_insurance(std::to_string(key.insurance));
  figure.set_period(key.period);
  figure.set_once(key.once);
  if (value.has_value()) figure.set_value(*value);
  return figure;
}

void AddFigure(v1::Figure figure, IndicatorAnswer* answer) {
  if (answer->parts.empty() ||
      answer->parts.back().figures_size() == kFiguresPerMessage) {
    answer->parts.emplace_back();
  }
  *answer->parts.back().add_figures() = std::move(figure);
}

// Cities that have not passed the day, those that never sent included.
void FillFinal(const Position& position,
               const std::vector<uint32_t>& configured_cities, uint32_t as_of,
               v1::GetIndicatorsResponse* first) {
  for (const uint32_t code : configured_cities) {
    const auto city = position.cities.find(code);
    if (city == position.cities.end() ||
        base::ChinaDay(city->second.last_commit_time_us) <= as_of) {
      first->add_provisional_cities(code);
    }
  }
  first->set_final(first->provisional_cities().empty());
}

}  // namespace

absl::StatusOr<IndicatorAnswer> AnswerIndicators(
    const StateSnapshot& snapshot, const Position& position,
    const std::vector<uint32_t>& configured_cities,
    const v1::GetIndicatorsRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  const uint32_t as_of =
      request.as_of() == 0 ? NewestDay(position) : request.as_of();
  const uint32_t on = request.on() == 0 ? as_of : request.on();
  const std::set<std::string> ids(request.ids().begin(), request.ids().end());
  IndicatorAnswer answer;
  answer.first.set_as_of(as_of);
  answer.first.set_on(on);
  FillFinal(position, configured_cities, as_of, &answer.first);
  std::vector<FigureDays> days = {{as_of, on}};
  if (request.trend()) {
    days.clear();
    ASSIGN_OR_RETURN(const auto changes, CommitDays(snapshot, as_of));
    for (const uint32_t day : changes) days.push_back({day, day});
  }
  for (const FigureDays& one : days) {
    ASSIGN_OR_RETURN(const Figures figures,
                     ComputeFigures(snapshot, position, one));
    for (const auto& [key, value] : figures) {
      // Of a trend, stocks of each day; other periods as they are at the end.
      if (request.trend() && key.period < 10'000'000 &&
          one.as_of != days.back().as_of) {
        continue;
      }
      if (IsWanted(key, request, ids)) AddFigure(ToFigure(key, value), &answer);
    }
  }
  return answer;
}

}  // namespace tongchou::aggregator
