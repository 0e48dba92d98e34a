#include <grpcpp/client_context.h>

#include <iostream>
#include <map>
#include <optional>

#include "cli/answer_json.h"
#include "cli/connection.h"
#include "cli/records/record_commands.h"
#include "cli/records/record_text.h"
#include "common/base/status.h"
#include "tongchou/v1/node.grpc.pb.h"
#include "tongchou/v1/query.grpc.pb.h"

namespace tongchou::cli {
namespace {

constexpr char kGetFooter[] =
    "Example:\n"
    "  tongchou get enrolment AAC002=369901198001010019 AAE140=110";
constexpr char kHistoryFooter[] =
    "Example:\n"
    "  tongchou history enrolment AAC002=369901198001010019 AAE140=110\n"
    "  tongchou history unit AAB001=3601U00000001 --province --city 360100 \\\n"
    "      --purpose inspection --document J2026-7";
constexpr char kPersonFooter[] =
    "Example:\n"
    "  tongchou person 369901198001010019 --purpose casework --document "
    "赣人社2026-118";

struct RecordOptions {
  std::string type;
  std::vector<std::string> fields;
  uint32_t city = 0;
  bool province = false;
  std::optional<uint64_t> entry;
  v1::ReadReason reason;
  std::vector<v1::AtLeast> at_least;
};

struct PersonOptions {
  std::string id;
  std::string pseudonym;
  bool with_deleted = false;
  v1::ReadReason reason;
  std::vector<v1::AtLeast> at_least;
};

Json RecordsJson(const RecordViews& records) {
  Json json = Json::array();
  for (const v1::RecordView& record : records) {
    json.push_back(RecordJson(record));
  }
  return json;
}

absl::StatusOr<int> RunGet(const Globals& globals,
                           const RecordOptions& options) {
  ASSIGN_OR_RETURN(const Connection node, ConnectNode(globals, options.city));
  v1::GetRecordRequest request;
  *request.mutable_record() = MakeRecordName(options.type, options.fields);
  const auto stub = v1::Node::NewStub(node.channel);
  grpc::ClientContext context;
  v1::GetRecordResponse response;
  RETURN_IF_ERROR(
      CallStatus(node, stub->GetRecord(&context, request, &response)));
  if (globals.format == Format::kTable) {
    std::cout << RecordCard(response.record());
    return kExitDone;
  }
  RecordViews records;
  *records.Add() = response.record();
  std::cout << (globals.format == Format::kCsv
                    ? RecordsCsv(records, true)
                    : JsonText({{"records", RecordsJson(records)}}));
  return kExitDone;
}

absl::StatusOr<RecordVersions> HistoryAtNode(const Globals& globals,
                                             const RecordOptions& options) {
  ASSIGN_OR_RETURN(const Connection node, ConnectNode(globals, options.city));
  v1::GetHistoryRequest request;
  *request.mutable_record() = MakeRecordName(options.type, options.fields);
  const auto stub = v1::Node::NewStub(node.channel);
  grpc::ClientContext context;
  v1::GetHistoryResponse response;
  RETURN_IF_ERROR(
      CallStatus(node, stub->GetHistory(&context, request, &response)));
  return std::move(*response.mutable_versions());
}

absl::StatusOr<RecordVersions> HistoryAtProvince(const Globals& globals,
                                                 const RecordOptions& options,
                                                 Json* basis) {
  ASSIGN_OR_RETURN(const Connection aggregator, ConnectAggregator(globals));
  v1::GetRecordHistoryRequest request;
  request.set_city(options.city);
  if (options.entry.has_value()) {
    request.set_sequence(*options.entry);
  } else {
    *request.mutable_record() = MakeRecordName(options.type, options.fields);
  }
  *request.mutable_reason() = options.reason;
  request.mutable_at_least()->Add(options.at_least.begin(),
                                  options.at_least.end());
  const auto stub = v1::Query::NewStub(aggregator.channel);
  grpc::ClientContext context;
  v1::GetRecordHistoryResponse response;
  RETURN_IF_ERROR(CallStatus(
      aggregator, stub->GetRecordHistory(&context, request, &response)));
  *basis = BasisJson(response.basis());
  return std::move(*response.mutable_versions());
}

absl::StatusOr<int> RunHistory(const Globals& globals,
                               const RecordOptions& options) {
  Json basis;
  ASSIGN_OR_RETURN(const RecordVersions versions,
                   options.province
                       ? HistoryAtProvince(globals, options, &basis)
                       : HistoryAtNode(globals, options));
  if (globals.format == Format::kTable) {
    std::cout << HistoryTable(versions);
  } else if (globals.format == Format::kCsv) {
    std::cout << HistoryCsv(versions);
  } else {
    Json json = {{"records", Json::array()}};
    for (const v1::RecordVersion& version : versions) {
      json["records"].push_back(VersionJson(version));
    }
    if (options.province) json["basis"] = std::move(basis);
    std::cout << JsonText(json);
  }
  return kExitDone;
}

absl::StatusOr<int> RunPerson(const Globals& globals,
                              const PersonOptions& options) {
  ASSIGN_OR_RETURN(const Connection aggregator, ConnectAggregator(globals));
  v1::GetPersonRequest request;
  request.set_id_number(options.id);
  request.set_pseudonym(options.pseudonym);
  *request.mutable_reason() = options.reason;
  request.set_with_deleted(options.with_deleted);
  request.mutable_at_least()->Add(options.at_least.begin(),
                                  options.at_least.end());
  const auto stub = v1::Query::NewStub(aggregator.channel);
  grpc::ClientContext context;
  v1::GetPersonResponse response;
  RETURN_IF_ERROR(
      CallStatus(aggregator, stub->GetPerson(&context, request, &response)));
  if (globals.format == Format::kTable) {
    std::cout << RecordTables(response.records());
  } else if (globals.format == Format::kCsv) {
    std::cout << RecordsCsv(response.records(), true);
  } else {
    std::cout << JsonText({{"records", RecordsJson(response.records())},
                           {"basis", BasisJson(response.basis())}});
  }
  return kExitDone;
}

const std::map<std::string, v1::Purpose> kPurposes = {
    {"casework", v1::PURPOSE_CASEWORK},
    {"inspection", v1::PURPOSE_INSPECTION},
    {"petition", v1::PURPOSE_PETITION},
    {"judicial", v1::PURPOSE_JUDICIAL},
    {"audit", v1::PURPOSE_AUDIT},
    {"data-quality", v1::PURPOSE_DATA_QUALITY}};

}  // namespace

void AddReadReason(CLI::App* command, v1::ReadReason* reason) {
  command
      ->add_option_function<std::string>(
          "--purpose",
          [reason](const std::string& name) {
            reason->set_purpose(kPurposes.at(name));
          },
          "What personal data are read for")
      ->check(CLI::IsMember(kPurposes))
      ->type_name("");
  command
      ->add_option_function<std::string>(
          "--document",
          [reason](const std::string& number) { reason->set_document(number); },
          "Number of the document or case that it rests on")
      ->type_name("NUMBER");
}

void AddGet(CLI::App* app, Invocation* invocation) {
  CLI::App* command =
      app->add_subcommand("get", "Show one record as it is at a node");
  command->footer(kGetFooter);
  const auto o = AddCommand<RecordOptions>(command, invocation, RunGet);
  AddType(command, &o->type);
  AddFields(command, &o->fields)->required();
  AddCity(command, &o->city, "Whose node it is (default: client.toml)");
}

void AddHistory(CLI::App* app, Invocation* invocation) {
  CLI::App* command =
      app->add_subcommand("history", "Show all changes of one record");
  command->footer(kHistoryFooter);
  const auto o = AddCommand<RecordOptions>(command, invocation, RunHistory);
  AddType(command, &o->type);
  CLI::Option* fields = AddFields(command, &o->fields);
  CLI::Option* city =
      AddCity(command, &o->city, "Whose node, or whose record it is");
  CLI::Option* province =
      command
          ->add_flag("--province", o->province,
                     "Ask the province's aggregator instead of a node")
          ->needs(city);
  command
      ->add_option("--entry", o->entry,
                   "Instead of CODE=VALUE: an entry that wrote the record, as "
                   "other answers name it")
      ->needs(province)
      ->excludes(fields)
      ->type_name("N");
  AddReadReason(command, &o->reason);
  AddAtLeast(command, &o->at_least)->needs(province);
}

void AddPerson(CLI::App* app, Invocation* invocation) {
  CLI::App* command = app->add_subcommand(
      "person", "Show everything about one person, across types and cities");
  command->footer(kPersonFooter);
  const auto o = AddCommand<PersonOptions>(command, invocation, RunPerson);
  CLI::Option* id =
      command->add_option("ID", o->id, "Social security number (AAC002)")
          ->type_name("");
  command
      ->add_option("--pseudonym", o->pseudonym,
                   "Instead of ID: the pseudonym of a masked answer")
      ->excludes(id)
      ->type_name("TEXT");
  command->add_flag("--with-deleted", o->with_deleted, "Also deleted records");
  AddReadReason(command, &o->reason);
  AddAtLeast(command, &o->at_least);
}

}  // namespace tongchou::cli
