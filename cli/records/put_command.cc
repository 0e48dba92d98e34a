#include <grpcpp/client_context.h>

#include <iostream>

#include "cli/answer_json.h"
#include "cli/connection.h"
#include "cli/records/record_commands.h"
#include "cli/records/record_text.h"
#include "cli/table.h"
#include "cli/text.h"
#include "common/base/random.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "tongchou/v1/node.grpc.pb.h"

namespace tongchou::cli {
namespace {

constexpr size_t kTransactionIdBytes = 16;
constexpr char kFooter[] =
    "The whole record: fields that are left out are empty afterwards.\n"
    "Example:\n"
    "  tongchou put enrolment AAC002=369901198001010019 AAE140=110 \\\n"
    "      AAB301=360102 AAC008=1 --staff 张三 --reason 补录";

struct Options {
  std::string type;
  std::vector<std::string> fields;
  bool remove = false;
  std::string id;
  std::string staff;
  std::string reason;
  std::string document;
  uint32_t city = 0;
};

v1::WriteRequest MakeRequest(const Options& options) {
  v1::WriteRequest request;
  request.set_transaction_id(
      options.id.empty()
          ? base::HexEncode(base::RandomBytes(kTransactionIdBytes))
          : options.id);
  request.set_staff(options.staff);
  request.set_reason_text(options.reason);
  request.set_document_number(options.document);
  const v1::RecordName name = MakeRecordName(options.type, options.fields);
  v1::Change* change = request.add_changes();
  change->set_type(name.type());
  change->set_delete_(options.remove);
  *change->mutable_fields() = name.key_fields();
  return request;
}

std::string ResultName(v1::ChangeResult result) {
  return EnumName(v1::ChangeResult_Name(result), "CHANGE_RESULT_");
}

std::string Report(const v1::WriteResponse& response, Format format) {
  if (format == Format::kJson) {
    Json results = Json::array();
    for (const int result : response.results()) {
      results.push_back(ResultName(static_cast<v1::ChangeResult>(result)));
    }
    return JsonText({{"transaction_id", response.transaction_id()},
                     {"results", std::move(results)},
                     {"committed", response.committed_size()},
                     {"repeated", response.repeated_request()}});
  }
  const std::string result =
      response.repeated_request() || response.results().empty()
          ? "committed before"
          : ResultName(static_cast<v1::ChangeResult>(response.results(0)));
  Table table({{"result"}, {"committed", Table::Align::kRight}, {"id"}});
  table.Add({result, std::to_string(response.committed_size()),
             response.transaction_id()});
  return format == Format::kCsv ? table.Csv() : table.Text();
}

absl::StatusOr<int> RunPut(const Globals& globals, const Options& options) {
  ASSIGN_OR_RETURN(const Connection node, ConnectNode(globals, options.city));
  const v1::WriteRequest request = MakeRequest(options);
  const auto stub = v1::Node::NewStub(node.channel);
  grpc::ClientContext context;
  v1::WriteResponse response;
  const absl::Status status =
      CallStatus(node, stub->Write(&context, request, &response));
  if (absl::IsUnavailable(status)) {
    return base::UnavailableError(
        "{}; it may have been written: repeat it with --id {}, it is never "
        "written twice",
        base::Message(status), request.transaction_id());
  }
  RETURN_IF_ERROR(status);
  std::cout << Report(response, globals.format);
  return kExitDone;
}

}  // namespace

void AddPut(CLI::App* app, Invocation* invocation) {
  CLI::App* command =
      app->add_subcommand("put", "Write or delete one record at a node");
  command->footer(kFooter);
  const auto o = AddCommand<Options>(command, invocation, RunPut);
  AddType(command, &o->type);
  AddFields(command, &o->fields)->required();
  command->add_flag("--delete", o->remove,
                    "Delete the record that the key fields name");
  command->add_option("--id", o->id,
                      "Transaction id; the same id is written once");
  command->add_option("--staff", o->staff, "Member of staff");
  command->add_option("--reason", o->reason, "Reason in words");
  command->add_option("--document", o->document,
                      "Number of the document it rests on");
  AddCity(command, &o->city, "Whose node it is (default: client.toml)");
}

}  // namespace tongchou::cli
