#include "cli/query/home_screen.h"

#include <map>
#include <set>
#include <tuple>

#include "cli/text.h"
#include "common/base/clock.h"
#include "common/records/division.h"

namespace tongchou::cli {
namespace {

using Align = Table::Align;
using Value = std::optional<int64_t>;

enum class Kind {
  kStock,
  kStockOn,
  kMonth,
  kYear,
};

struct Line {
  std::string_view label;
  std::string_view id;
  std::string_view insurance;
  Kind kind;
};

constexpr Line kLines[] = {
    {"K1.1 养老参保人数(110)", "K1.1", "110", Kind::kStock},
    {"K1.6 社保征缴(元)", "K1.6", "", Kind::kMonth},
    {"K2 农村劳动力转移", "K2", "", Kind::kYear},
    {"K3.gross 城镇新增就业", "K3.gross", "", Kind::kMonth},
    {"K4 城镇居民医保", "K4", "", Kind::kStock},
    {"K5 困难企业职工参保", "K5", "", Kind::kStockOn},
    {"K6.amount 小额贷款(元)", "K6.amount", "", Kind::kMonth},
    {"K7.families 零就业家庭", "K7.families", "", Kind::kStockOn},
};
constexpr std::string_view kNullWithoutData = "K4";
constexpr std::string_view kNetIncrease = "K1.4";

std::set<uint32_t> SilentCities(const FigureAnswer& answer) {
  std::set<uint32_t> cities;
  for (const v1::Figure& figure : answer.figures) {
    if (figure.id() == kNullWithoutData && figure.city() != 0 &&
        figure.county() == 0 && !figure.has_value()) {
      cities.insert(figure.city());
    }
  }
  return cities;
}

bool RestsOnData(const FigureAnswer& answer, uint32_t city) {
  const std::set<uint32_t> silent = SilentCities(answer);
  for (const v1::CityBasis& basis : answer.basis.cities()) {
    if (city != 0 && basis.city() != city) continue;
    if (basis.size() > 0 && !silent.contains(basis.city())) return true;
  }
  return false;
}

class Figures {
 public:
  Figures(const FigureAnswer& answer, uint32_t city)
      : known_(RestsOnData(answer, city)) {
    for (const v1::Figure& figure : answer.figures) {
      if (figure.city() != city || figure.county() != 0 || figure.once()) {
        continue;
      }
      values_[{figure.id(), figure.insurance(), figure.period()}] =
          figure.has_value() ? Value(figure.value()) : std::nullopt;
    }
  }

  Value Find(const Line& line, uint32_t period) const {
    return Find(line.id, line.insurance, period);
  }
  Value Find(std::string_view id, std::string_view insurance,
             uint32_t period) const {
    const auto found =
        values_.find({std::string(id), std::string(insurance), period});
    if (found != values_.end()) return found->second;
    return known_ ? Value(0) : std::nullopt;
  }

 private:
  const bool known_;
  std::map<std::tuple<std::string, std::string, uint32_t>, Value> values_;
};

struct Row {
  Value current;
  Value year;
  Value before;
  bool signed_year = false;
};

struct Answers {
  const FigureAnswer& now;
  Figures figures;
  std::optional<Figures> past;
};

Row RowOf(const Line& line, const Answers& answers) {
  const uint32_t as_of = answers.now.as_of;
  const uint32_t on = answers.now.on;
  const uint32_t day = line.kind == Kind::kStockOn ? on : as_of;
  const uint32_t year = as_of / 10'000;
  Row row;
  const auto past = [&](uint32_t period) -> Value {
    return answers.past.has_value() ? answers.past->Find(line, period)
                                    : std::nullopt;
  };
  if (line.kind == Kind::kMonth) {
    row.current = answers.figures.Find(line, as_of / 100);
    row.year = answers.figures.Find(line, year);
    row.before = answers.figures.Find(line, as_of / 100 - 100);
  } else if (line.kind == Kind::kYear) {
    row.year = answers.figures.Find(line, year);
    row.before = past(year - 1);
  } else {
    row.current = answers.figures.Find(line, day);
    row.before = past(YearBefore(day));
    row.signed_year = line.id == "K1.1";
    if (row.signed_year) {
      row.year = answers.figures.Find(kNetIncrease, line.insurance, as_of);
    }
  }
  return row;
}

std::string Cell(const Line& line, Value value, bool with_sign) {
  if (!value.has_value()) return std::string(kUnknown);
  const std::string sign = with_sign && *value > 0 ? "+" : "";
  return sign + (IsMoney(line.id) ? FormatYuan(*value) : WithCommas(*value));
}

std::string Title(const FigureAnswer& now, uint32_t city) {
  std::string title =
      city == 0 ? "江西省" : records::Divisions::Get().Name(city);
  title += "  as of " + base::FormatDay(now.as_of);
  if (now.on != now.as_of) title += ", on " + base::FormatDay(now.on);
  return title + "\n";
}

}  // namespace

v1::GetIndicatorsRequest HomeRequest(uint32_t city, uint32_t as_of,
                                     uint32_t on) {
  v1::GetIndicatorsRequest request;
  for (const Line& line : kLines) request.add_ids(std::string(line.id));
  request.add_ids(std::string(kNetIncrease));
  request.set_as_of(as_of);
  request.set_on(on);
  request.set_city(city);
  request.set_without_counties(true);
  request.set_without_province(city != 0);
  return request;
}

uint32_t YearBefore(uint32_t day) {
  const uint32_t before = day - 10'000;
  return base::IsValidDay(before) ? before : before - 1;
}

std::string HomeScreen(const FigureAnswer& now,
                       const std::optional<FigureAnswer>& year_ago,
                       uint32_t city) {
  Answers answers{now, Figures(now, city), std::nullopt};
  if (year_ago.has_value() && SilentCities(*year_ago) == SilentCities(now)) {
    answers.past.emplace(*year_ago, city);
  }
  Table table({{"indicator"},
               {"month/today", Align::kRight},
               {"year to date", Align::kRight},
               {"on a year ago", Align::kRight}});
  for (const Line& line : kLines) {
    const Row row = RowOf(line, answers);
    const Value now_value = line.kind == Kind::kYear ? row.year : row.current;
    table.Add({std::string(line.label), Cell(line, row.current, false),
               Cell(line, row.year, row.signed_year),
               FormatChange(now_value, row.before)});
  }
  return Title(now, city) + table.Text() + Freshness(now, kScreenWidth);
}

}  // namespace tongchou::cli
