#include <grpcpp/client_context.h>

#include <algorithm>
#include <iostream>

#include "absl/strings/str_split.h"
#include "cli/answer_json.h"
#include "cli/connection.h"
#include "cli/query/query_commands.h"
#include "cli/table.h"
#include "cli/text.h"
#include "common/base/status.h"
#include "common/records/division.h"
#include "tongchou/v1/node.grpc.pb.h"
#include "tongchou/v1/query.grpc.pb.h"

namespace tongchou::cli {
namespace {

using Align = Table::Align;

constexpr char kFooter[] =
    "lag: entries that are committed but not yet in the province's figures.\n"
    "Where client.toml names a node, or with --node: the node's own view; "
    "with\n--aggregator the province's.\n"
    "Example:\n"
    "  tongchou status --format json\n"
    "  tongchou status --node 127.0.0.1:7001";

constexpr size_t kWidth = 80;

struct Options {
  uint32_t city = 0;
};

std::string Number(uint64_t number, bool plain) {
  return plain ? std::to_string(number)
               : WithCommas(static_cast<int64_t>(number));
}

uint64_t LagOf(const v1::CityStatus& city) {
  return city.committed_size() > city.applied_size()
             ? city.committed_size() - city.applied_size()
             : 0;
}

// "10-31 09:30" in China.
std::string TimeOfYear(int64_t micros) {
  const std::string time = ShortTime(micros);
  return micros == 0 ? time : time.substr(5, 11);
}

// `plain`: all of it, for programs; else what fits a terminal.
Table CityTable(const v1::GetStatusResponse& response, bool plain) {
  std::vector<Table::Column> columns = {{"城市"},
                                        {"state"},
                                        {"committed", Align::kRight},
                                        {"durable", Align::kRight},
                                        {"applied", Align::kRight},
                                        {"lag", Align::kRight},
                                        {"last commit"}};
  if (plain) columns.push_back({"records", Align::kRight});
  Table table(std::move(columns));
  for (const v1::CityStatus& city : response.cities()) {
    const int64_t last = city.applied_commit_time_us();
    std::vector<std::string> cells = {
        DivisionText(city.city()) + city.name_zh(),
        StateName(city.state()),
        Number(city.committed_size(), plain),
        Number(city.durable_size(), plain),
        Number(city.applied_size(), plain),
        Number(LagOf(city), plain),
        plain ? ShortTime(last) : TimeOfYear(last)};
    if (plain) cells.push_back(Number(city.records(), plain));
    table.Add(std::move(cells));
  }
  return table;
}

std::string WrappedLine(const std::string& text,
                        const std::string& indent = "") {
  std::vector<std::string> words =
      absl::StrSplit(Printable(text), ' ', absl::SkipEmpty());
  if (words.empty()) return "";
  words[0] = indent + words[0];
  return Wrap(words, kWidth);
}

// Words of a line that begins with two blanks.
std::string IndentedLine(const std::string& text) {
  return WrappedLine(text, "  ");
}

std::string Problems(const v1::GetStatusResponse& response) {
  std::string text;
  for (const v1::CityStatus& city : response.cities()) {
    const std::string name = DivisionText(city.city()) + city.name_zh() + ": ";
    if (!city.problem().empty()) {
      text += WrappedLine(name + city.problem());
    }
    if (city.uninterpreted() != 0) {
      text += name + std::to_string(city.uninterpreted()) +
              " entries could not be interpreted; update the aggregator\n";
    }
  }
  return text;
}

std::string AlarmsText(
    const google::protobuf::RepeatedPtrField<v1::Alarm>& alarms) {
  if (alarms.empty()) return "alarms: none\n";
  std::string text;
  for (const v1::Alarm& alarm : alarms) {
    text += "ALARM " + alarm.name() + ", ";
    if (alarm.city() != 0) {
      text += DivisionText(alarm.city()) +
              records::Divisions::Get().Name(alarm.city()) + ", ";
    }
    text += SeverityName(alarm.severity()) + ", since " +
            ShortTime(alarm.since_us()) + "\n" + IndentedLine(alarm.text()) +
            IndentedLine("means: " + alarm.meaning()) +
            IndentedLine("do: " + alarm.remedy());
  }
  return text;
}

// Null where there is none and none has to be.
Json MirrorJson(const v1::MirrorStatus& mirror) {
  if (!mirror.required() && mirror.heard_us() == 0) return nullptr;
  return {{"required", mirror.required()},
          {"connected", mirror.connected()},
          {"size", mirror.size()},
          {"heard", mirror.heard_us()}};
}

Json OwnLogJson(const v1::ProvinceLogStatus& log) {
  Json witnesses = Json::array();
  for (const v1::WitnessStatus& one : log.witnesses()) {
    witnesses.push_back({{"city", DivisionText(one.city())},
                         {"size", one.size()},
                         {"cosigned", one.cosigned_us()}});
  }
  return {
      {"size", log.size()},
      {"signed", log.signed_size()},
      {"witnesses", std::move(witnesses)},
      {"mirror", MirrorJson(log.mirror())},
      {"problem", log.problem().empty() ? Json(nullptr) : Json(log.problem())}};
}

// "own log: 1,234 entries, 1,234 signed, 1,230 cosigned by 11 cities"
std::string OwnLogText(const v1::ProvinceLogStatus& log) {
  std::string text = "own log: " + Number(log.size(), false) + " entries, " +
                     Number(log.signed_size(), false) + " signed";
  uint64_t cosigned = log.signed_size();
  for (const v1::WitnessStatus& one : log.witnesses()) {
    cosigned = std::min(cosigned, one.size());
  }
  if (log.witnesses_size() > 0) {
    text += ", " + Number(cosigned, false) + " cosigned by " +
            std::to_string(log.witnesses_size()) + " cities";
  }
  if (log.mirror().required() || log.mirror().connected()) {
    text += ", " + Number(log.mirror().size(), false) + " kept by the mirror";
  }
  text += "\n";
  if (!log.problem().empty()) {
    text += "own log: " + Printable(log.problem()) + "\n";
  }
  return text;
}

Json StatusJson(const v1::GetStatusResponse& response) {
  Json cities = Json::array();
  for (const v1::CityStatus& city : response.cities()) {
    cities.push_back(CityJson(city));
  }
  return {{"cities", std::move(cities)},
          {"province_log", OwnLogJson(response.province_log())},
          {"volume_warning", response.volume_warning()},
          {"certificate_days", response.certificate_days()},
          {"alarms", AlarmsJson(response.alarms())},
          {"basis", BasisJson(response.basis())}};
}

Table NodeTable(const v1::GetNodeStatusResponse& node, bool plain) {
  std::vector<Table::Column> columns = {{"城市"},
                                        {"records", Align::kRight},
                                        {"committed", Align::kRight},
                                        {"durable", Align::kRight},
                                        {"applied", Align::kRight},
                                        {"clock"}};
  std::vector<std::string> cells = {
      DivisionText(node.city()) + records::Divisions::Get().Name(node.city()),
      Number(node.records(), plain),
      Number(node.committed_size(), plain),
      Number(node.durable_size(), plain),
      Number(node.applied_size(), plain),
      ShortTime(node.clock_us())};
  if (plain) {
    columns.push_back({"uplink"});
    columns.push_back({"read-only"});
    cells.push_back(node.uplink_state());
    cells.push_back(node.read_only_reason());
  }
  Table table(std::move(columns));
  table.Add(std::move(cells));
  return table;
}

std::string NodeText(const v1::GetNodeStatusResponse& node) {
  std::string text = NodeTable(node, false).Text() +
                     "uplink: " + Printable(node.uplink_state()) + "\n";
  if (!node.province_log_problem().empty()) {
    text += "province: " + Printable(node.province_log_problem()) + "\n";
  }
  if (!node.read_only_reason().empty()) {
    text += "read-only: " + Printable(node.read_only_reason()) + "\n";
  }
  return text + AlarmsText(node.alarms());
}

absl::StatusOr<int> RunNodeStatus(const Globals& globals,
                                  const Options& options) {
  ASSIGN_OR_RETURN(const Connection node, ConnectNode(globals, options.city));
  const auto stub = v1::Node::NewStub(node.channel);
  grpc::ClientContext context;
  v1::GetNodeStatusResponse response;
  RETURN_IF_ERROR(CallStatus(
      node,
      stub->GetNodeStatus(&context, v1::GetNodeStatusRequest(), &response)));
  if (globals.format == Format::kJson) {
    std::cout << JsonText({{"node", NodeJson(response)}});
  } else if (globals.format == Format::kCsv) {
    std::cout << NodeTable(response, true).Csv();
  } else {
    std::cout << NodeText(response);
  }
  return kExitDone;
}

absl::Status WithHint(const absl::Status& status) {
  if (!absl::IsPermissionDenied(status)) return status;
  return base::PermissionDeniedError(
      "{}; ask your city's node: name it in client.toml, or with --node "
      "HOST:PORT",
      base::Message(status));
}

absl::StatusOr<int> RunProvinceStatus(const Globals& globals) {
  ASSIGN_OR_RETURN(const Connection aggregator, ConnectAggregator(globals));
  v1::GetStatusRequest request;
  request.set_with_imports(globals.format == Format::kJson);
  const auto stub = v1::Query::NewStub(aggregator.channel);
  grpc::ClientContext context;
  v1::GetStatusResponse response;
  RETURN_IF_ERROR(WithHint(
      CallStatus(aggregator, stub->GetStatus(&context, request, &response))));
  if (globals.format == Format::kJson) {
    std::cout << JsonText(StatusJson(response));
  } else if (globals.format == Format::kCsv) {
    std::cout << CityTable(response, true).Csv();
  } else {
    std::cout << CityTable(response, false).Text()
              << OwnLogText(response.province_log()) << Problems(response)
              << AlarmsText(response.alarms());
  }
  return kExitDone;
}

absl::StatusOr<int> RunStatus(const Globals& globals, const Options& options) {
  ASSIGN_OR_RETURN(const bool for_node, IsForNode(globals));
  if (for_node) return RunNodeStatus(globals, options);
  if (options.city == 0) return RunProvinceStatus(globals);
  return base::InvalidArgumentError(
      "--city: says whose node it is; give --node HOST:PORT, too");
}

}  // namespace

void AddStatus(CLI::App* app, Invocation* invocation) {
  CLI::App* command = app->add_subcommand(
      "status", "Show how far every city is, or how the own node stands");
  command->footer(kFooter);
  const auto o = AddCommand<Options>(command, invocation, RunStatus);
  AddCity(command, &o->city, "Whose node --node is (default: client.toml)");
}

}  // namespace tongchou::cli
