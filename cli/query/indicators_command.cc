#include <iostream>

#include "cli/connection.h"
#include "cli/query/figures.h"
#include "cli/query/home_screen.h"
#include "cli/query/query_commands.h"
#include "common/base/clock.h"
#include "common/base/status.h"

namespace tongchou::cli {
namespace {

constexpr uint32_t kFirstMonthPeriod = 10'000;
constexpr uint32_t kFirstDayPeriod = 1'000'000;
constexpr uint32_t kPeriodMax = 999'912;
constexpr char kFooter[] =
    "Without ids: the main figures on one screen; with ids: a table.\n"
    "Periods are YYYYMM or YYYY. Money is in fen, and also shown in yuan.\n"
    "Example:\n"
    "  tongchou indicators\n"
    "  tongchou indicators K1.1 K1.6 --by city --as-of 2008-10-31";

struct Options {
  std::vector<std::string> ids;
  uint32_t city = 0;
  uint32_t county = 0;
  uint32_t as_of = 0;
  uint32_t on = 0;
  std::string by;
  bool trend = false;
  uint32_t period = 0;
  std::vector<v1::AtLeast> at_least;
};

v1::GetIndicatorsRequest MakeRequest(const Options& options) {
  v1::GetIndicatorsRequest request;
  request.mutable_ids()->Add(options.ids.begin(), options.ids.end());
  request.set_as_of(options.as_of);
  request.set_on(options.on);
  request.set_city(options.city);
  request.set_county(options.county);
  request.set_period(options.period);
  request.set_trend(options.trend);
  request.mutable_at_least()->Add(options.at_least.begin(),
                                  options.at_least.end());
  if (options.by.empty()) return request;
  const bool counties = options.by == "county" || options.county != 0;
  const bool cities = !counties && (options.by == "city" || options.city != 0);
  request.set_without_counties(!counties);
  request.set_without_cities(!cities);
  request.set_without_province(counties || cities);
  return request;
}

void KeepWanted(const std::string& by, std::vector<v1::Figure>* figures) {
  std::erase_if(*figures, [&](const v1::Figure& figure) {
    if (by == "insurance") return figure.insurance().empty();
    return by == "month" && (figure.period() < kFirstMonthPeriod ||
                             figure.period() >= kFirstDayPeriod);
  });
}

bool WantsHomeScreen(const Globals& globals, const Options& options) {
  return globals.format == Format::kTable && options.ids.empty() &&
         options.by.empty() && options.county == 0 && options.period == 0 &&
         !options.trend;
}

absl::Status ShowHomeScreen(const Connection& aggregator,
                            const Options& options) {
  v1::GetIndicatorsRequest request =
      HomeRequest(options.city, options.as_of, options.on);
  request.mutable_at_least()->Add(options.at_least.begin(),
                                  options.at_least.end());
  ASSIGN_OR_RETURN(const FigureAnswer now, FetchFigures(aggregator, request));
  std::optional<FigureAnswer> year_ago;
  if (base::IsValidDay(now.as_of) && base::IsValidDay(now.on)) {
    const auto past = FetchFigures(
        aggregator,
        HomeRequest(options.city, YearBefore(now.as_of), YearBefore(now.on)));
    if (past.ok()) year_ago = *past;
  }
  std::cout << HomeScreen(now, year_ago, options.city);
  return absl::OkStatus();
}

absl::StatusOr<int> RunIndicators(const Globals& globals,
                                  const Options& options) {
  ASSIGN_OR_RETURN(const Connection aggregator, ConnectAggregator(globals));
  if (WantsHomeScreen(globals, options)) {
    RETURN_IF_ERROR(ShowHomeScreen(aggregator, options));
    return kExitDone;
  }
  ASSIGN_OR_RETURN(FigureAnswer answer,
                   FetchFigures(aggregator, MakeRequest(options)));
  KeepWanted(options.by, &answer.figures);
  if (globals.format == Format::kJson) {
    std::cout << JsonText(FiguresJson(answer));
  } else if (globals.format == Format::kCsv) {
    std::cout << FigureTable(answer.figures, true).Csv();
  } else {
    std::cout << "as of " << base::FormatDay(answer.as_of) << ", on "
              << base::FormatDay(answer.on) << "\n"
              << FigureTable(answer.figures, false).Text()
              << Freshness(answer, kScreenWidth);
  }
  return kExitDone;
}

}  // namespace

void AddIndicators(CLI::App* app, Invocation* invocation) {
  CLI::App* command =
      app->add_subcommand("indicators", "Show the province's figures");
  command->footer(kFooter);
  const auto o = AddCommand<Options>(command, invocation, RunIndicators);
  command->add_option("ID", o->ids, "Figures, for example K1.1")->type_name("");
  AddCity(command, &o->city, "Only this city");
  command->add_option("--county", o->county, "Only this county (six digits)")
      ->check(CLI::Range(100'000, 999'999));
  AddDay(command, "--as-of", &o->as_of, "Recorded by the end of this day");
  AddDay(command, "--on", &o->on, "Valid on this day (default: --as-of)");
  command->add_option("--by", o->by, "Only figures of this kind")
      ->check(CLI::IsMember({"city", "county", "insurance", "month"}));
  command->add_flag("--trend", o->trend,
                    "Stocks at every day on which they changed");
  command->add_option("--period", o->period, "Only this YYYYMM or YYYY")
      ->check(CLI::Range(uint32_t{1'000}, kPeriodMax));
  AddAtLeast(command, &o->at_least);
}

}  // namespace tongchou::cli
