#include <grpcpp/client_context.h>

#include <iostream>

#include "cli/answer_json.h"
#include "cli/connection.h"
#include "cli/query/query_commands.h"
#include "cli/table.h"
#include "cli/text.h"
#include "common/base/status.h"
#include "tongchou/v1/query.grpc.pb.h"

namespace tongchou::cli {
namespace {

using Align = Table::Align;

constexpr char kFooter[] =
    "lag: entries that are committed but not yet in the province's figures.\n"
    "Example:\n"
    "  tongchou status --format json";

struct Options {};

std::string Number(uint64_t number, bool plain) {
  return plain ? std::to_string(number)
               : WithCommas(static_cast<int64_t>(number));
}

uint64_t LagOf(const v1::CityStatus& city) {
  return city.committed_size() > city.applied_size()
             ? city.committed_size() - city.applied_size()
             : 0;
}

Table CityTable(const v1::GetStatusResponse& response, bool plain) {
  Table table({{"城市"},
               {"state"},
               {"committed", Align::kRight},
               {"durable", Align::kRight},
               {"applied", Align::kRight},
               {"lag", Align::kRight},
               {"last commit"},
               {"records", Align::kRight}});
  for (const v1::CityStatus& city : response.cities()) {
    table.Add({DivisionText(city.city()) + city.name_zh(),
               StateName(city.state()), Number(city.committed_size(), plain),
               Number(city.durable_size(), plain),
               Number(city.applied_size(), plain), Number(LagOf(city), plain),
               ShortTime(city.applied_commit_time_us()),
               Number(city.records(), plain)});
  }
  return table;
}

std::string Problems(const v1::GetStatusResponse& response) {
  std::string text;
  for (const v1::CityStatus& city : response.cities()) {
    const std::string name = DivisionText(city.city()) + city.name_zh() + ": ";
    if (!city.problem().empty()) {
      text += Printable(name + city.problem()) + "\n";
    }
    if (city.uninterpreted() != 0) {
      text += name + std::to_string(city.uninterpreted()) +
              " entries could not be interpreted; update the aggregator\n";
    }
  }
  return text;
}

Json StatusJson(const v1::GetStatusResponse& response) {
  Json cities = Json::array();
  for (const v1::CityStatus& city : response.cities()) {
    cities.push_back(CityJson(city));
  }
  return {{"cities", std::move(cities)},
          {"basis", BasisJson(response.basis())}};
}

absl::StatusOr<int> RunStatus(const Globals& globals, const Options&) {
  ASSIGN_OR_RETURN(const Connection aggregator, ConnectAggregator(globals));
  v1::GetStatusRequest request;
  request.set_with_imports(globals.format == Format::kJson);
  const auto stub = v1::Query::NewStub(aggregator.channel);
  grpc::ClientContext context;
  v1::GetStatusResponse response;
  RETURN_IF_ERROR(
      CallStatus(aggregator, stub->GetStatus(&context, request, &response)));
  if (globals.format == Format::kJson) {
    std::cout << JsonText(StatusJson(response));
  } else if (globals.format == Format::kCsv) {
    std::cout << CityTable(response, true).Csv();
  } else {
    std::cout << CityTable(response, false).Text() << Problems(response);
  }
  return kExitDone;
}

}  // namespace

void AddStatus(CLI::App* app, Invocation* invocation) {
  CLI::App* command = app->add_subcommand(
      "status", "Show how far every city is and how fresh its data are");
  command->footer(kFooter);
  AddCommand<Options>(command, invocation, RunStatus);
}

}  // namespace tongchou::cli
