#include <grpcpp/client_context.h>

#include <iostream>

#include "cli/admin/admin_commands.h"
#include "cli/answer_json.h"
#include "cli/connection.h"
#include "cli/table.h"
#include "cli/text.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "tongchou/v1/admin.grpc.pb.h"

namespace tongchou::cli {
namespace {

constexpr char kFooter[] =
    "Needs an administrator's certificate of the province, or an auditor's.\n"
    "Example:\n"
    "  tongchou access --person 369901198001010019\n"
    "  tongchou access --reader officer/zhang --from 2026-11-01 --format csv";

struct Options {
  std::string person;
  std::string reader;
  uint32_t from = 0;
  uint32_t to = 0;
};

// On a terminal the first one and how many more there are.
std::string PersonsText(const v1::Access& access, bool plain) {
  std::string text;
  for (const std::string& person : access.persons()) {
    if (!plain && !text.empty()) {
      return text + " +" + std::to_string(access.persons_size() - 1);
    }
    text += (text.empty() ? "" : " ") + person;
  }
  return access.more_persons() ? text + " …" : text;
}

// province/officer/zhang; everybody's identity begins alike.
std::string WhoText(const std::string& uri, bool plain) {
  constexpr std::string_view kPrefix = "spiffe://tongchou/360000/";
  return plain || !uri.starts_with(kPrefix) ? uri : uri.substr(kPrefix.size());
}

uint64_t Count(const v1::Refusals& refusals) {
  uint64_t count = 0;
  for (const auto& [call, times] : refusals.calls()) count += times;
  return count;
}

std::string CallsText(const v1::Refusals& refusals) {
  std::string text;
  for (const auto& [call, times] : refusals.calls()) {
    text += (text.empty() ? "" : " ") + call;
  }
  return text;
}

std::string PurposeText(const std::string& purpose) {
  return purpose.empty() ? "" : EnumName(purpose, "PURPOSE_");
}

Json RecordJson(const v1::AccessRecord& record) {
  Json json = {{"sequence", record.sequence()},
               {"commit_time", record.commit_time_us()}};
  if (record.has_refusals()) {
    json["refused"] = record.refusals().caller();
    json["address"] = record.refusals().address();
    json["calls"] = Json::object();
    for (const auto& [call, times] : record.refusals().calls()) {
      json["calls"][call] = times;
    }
    return json;
  }
  const v1::Access& access = record.access();
  json["reader"] = access.reader();
  json["call"] = access.call();
  json["purpose"] = PurposeText(access.purpose());
  json["document"] = access.document();
  json["predicate"] = access.predicate();
  json["records"] = access.records();
  json["persons"] = access.persons();
  json["more_persons"] = access.more_persons();
  json["masked"] = access.masked();
  return json;
}

void AddRow(const v1::AccessRecord& record, bool plain, Table* table) {
  std::vector<std::string> cells = {std::to_string(record.sequence()),
                                    ShortTime(record.commit_time_us())};
  if (record.has_refusals()) {
    const v1::Refusals& refusals = record.refusals();
    table->Add({cells[0], cells[1], WhoText(refusals.caller(), plain),
                CallsText(refusals), "refused", "",
                std::to_string(Count(refusals)), ""});
    return;
  }
  const v1::Access& access = record.access();
  table->Add({cells[0], cells[1], WhoText(access.reader(), plain),
              access.call(),
              access.masked() ? "masked" : PurposeText(access.purpose()),
              access.document(), std::to_string(access.records()),
              PersonsText(access, plain)});
}

absl::StatusOr<int> RunAccess(const Globals& globals, const Options& options) {
  ASSIGN_OR_RETURN(const Connection aggregator, ConnectAggregator(globals));
  v1::ListAccessRequest request;
  request.set_person(options.person);
  request.set_reader(options.reader);
  if (options.from != 0) {
    request.set_from_us(base::ChinaDayStart(options.from));
  }
  if (options.to != 0) {
    request.set_to_us(base::ChinaDayStart(options.to) + base::kMicrosPerDay);
  }
  const auto stub = v1::Admin::NewStub(aggregator.channel);
  grpc::ClientContext context;
  const auto reader = stub->ListAccess(&context, request);
  Table table({{"entry", Table::Align::kRight},
               {"time"},
               {"reader"},
               {"call"},
               {"purpose"},
               {"document"},
               {"records", Table::Align::kRight},
               {"persons"}});
  Json json = Json::array();
  v1::ListAccessResponse response;
  while (reader->Read(&response)) {
    for (const v1::AccessRecord& record : response.records()) {
      if (globals.format == Format::kJson) {
        json.push_back(RecordJson(record));
      } else {
        AddRow(record, globals.format == Format::kCsv, &table);
      }
    }
  }
  RETURN_IF_ERROR(CallStatus(aggregator, reader->Finish()));
  if (globals.format == Format::kJson) {
    std::cout << JsonText({{"access", std::move(json)}});
  } else {
    std::cout << (globals.format == Format::kCsv ? table.Csv() : table.Text());
  }
  return kExitDone;
}

}  // namespace

void AddAccess(CLI::App* app, Invocation* invocation) {
  CLI::App* command = app->add_subcommand(
      "access", "Show who read personal data, and who was refused");
  command->footer(kFooter);
  const auto o = AddCommand<Options>(command, invocation, RunAccess);
  command->add_option("--person", o->person, "Only reads of this ID number")
      ->type_name("ID");
  command
      ->add_option("--reader", o->reader,
                   "Only this reader, or part of the identity")
      ->type_name("TEXT");
  AddDay(command, "--from", &o->from, "From this day on");
  AddDay(command, "--to", &o->to, "Up to and with this day");
}

}  // namespace tongchou::cli
