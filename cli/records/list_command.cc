#include <grpcpp/client_context.h>

#include <iostream>

#include "cli/answer_json.h"
#include "cli/connection.h"
#include "cli/records/record_commands.h"
#include "cli/records/record_text.h"
#include "common/base/status.h"
#include "tongchou/v1/query.grpc.pb.h"

namespace tongchou::cli {
namespace {

constexpr int kPageSizeMax = 1'000;
constexpr char kFooter[] =
    "Example:\n"
    "  tongchou list enrolment AAE140=110 AAC008=1 --city 南昌 --all \\\n"
    "      --purpose inspection --document J2026-7 --format csv";

struct Options {
  std::string type;
  std::vector<std::string> filters;
  uint32_t city = 0;
  uint32_t page_size = 0;
  bool all = false;
  v1::ReadReason reason;
  std::vector<v1::AtLeast> at_least;
};

v1::ListRecordsRequest MakeRequest(const Options& options) {
  v1::ListRecordsRequest request;
  const v1::RecordName name = MakeRecordName(options.type, options.filters);
  request.set_type(name.type());
  request.set_city(options.city);
  *request.mutable_reason() = options.reason;
  request.mutable_at_least()->Add(options.at_least.begin(),
                                  options.at_least.end());
  for (const v1::FieldText& field : name.key_fields()) {
    v1::FieldFilter* filter = request.add_filters();
    filter->set_code(field.code());
    filter->set_value(field.value());
  }
  request.set_page_size(
      options.all && options.page_size == 0 ? kPageSizeMax : options.page_size);
  return request;
}

class Printer {
 public:
  explicit Printer(Format format) : format_(format) {}

  void Page(const v1::ListRecordsResponse& page) {
    if (format_ == Format::kCsv) {
      std::cout << RecordsCsv(page.records(), first_);
    } else if (format_ == Format::kTable) {
      std::cout << RecordTables(page.records());
    } else {
      for (const v1::RecordView& record : page.records()) {
        std::cout << (records_++ == 0 ? "{\"records\": [\n" : ",\n")
                  << RecordJson(record).dump(-1, ' ', false,
                                             Json::error_handler_t::replace);
      }
    }
    first_ = first_ && page.records().empty();
  }

  void End(const v1::ListRecordsResponse& last) {
    if (format_ != Format::kJson) return;
    if (records_ == 0) std::cout << "{\"records\": [";
    std::cout << "\n],\n\"more\": "
              << (last.next_page_token().empty() ? "false" : "true")
              << ",\n\"basis\": " << JsonText(BasisJson(last.basis())) << "}\n";
  }

 private:
  const Format format_;
  bool first_ = true;
  uint64_t records_ = 0;
};

absl::StatusOr<int> RunList(const Globals& globals, const Options& options) {
  ASSIGN_OR_RETURN(const Connection aggregator, ConnectAggregator(globals));
  const auto stub = v1::Query::NewStub(aggregator.channel);
  v1::ListRecordsRequest request = MakeRequest(options);
  Printer printer(globals.format);
  v1::ListRecordsResponse response;
  do {
    grpc::ClientContext context;
    response.Clear();
    RETURN_IF_ERROR(CallStatus(
        aggregator, stub->ListRecords(&context, request, &response)));
    printer.Page(response);
    request.set_page_token(response.next_page_token());
  } while (options.all && !response.next_page_token().empty());
  printer.End(response);
  if (!response.next_page_token().empty()) {
    std::cerr << "tongchou: there are more records; see all with --all\n";
  }
  return kExitDone;
}

}  // namespace

void AddList(CLI::App* app, Invocation* invocation) {
  CLI::App* command = app->add_subcommand(
      "list", "List the province's records of a type, filtered by fields");
  command->footer(kFooter);
  const auto o = AddCommand<Options>(command, invocation, RunList);
  AddType(command, &o->type);
  AddFields(command, &o->filters);
  AddCity(command, &o->city, "Only this city");
  command->add_option("--page-size", o->page_size, "Records of a page")
      ->check(CLI::Range(1, kPageSizeMax));
  command->add_flag("--all", o->all, "All pages");
  AddReadReason(command, &o->reason);
  AddAtLeast(command, &o->at_least);
}

}  // namespace tongchou::cli
