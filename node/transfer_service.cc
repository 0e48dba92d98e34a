#include "node/transfer_service.h"

#include <optional>

#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/transport/grpc_status.h"
#include "node/node_service.h"

namespace tongchou::node {

using transport::ToGrpc;

absl::StatusOr<UplinkClient*> TransferService::Admit(
    const grpc::ServerContextBase& context, std::string_view call) const {
  RETURN_IF_ERROR(AdmitPeople(context, call, config_.city).status());
  if (uplink_ != nullptr) return uplink_;
  return base::FailedPreconditionError(
      "the configuration names no aggregator: name the province's with its "
      "keys, it need not be reachable");
}

grpc::Status TransferService::Export(
    grpc::ServerContext* context, const v1::ExportRequest* request,
    grpc::ServerWriter<v1::NodeMessage>* writer) {
  const auto run = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(UplinkClient* const uplink,
                     Admit(*context, "CityTransfer.Export"));
    std::optional<uint64_t> from;
    if (request->has_from_size()) from = request->from_size();
    const transport::Answers<v1::NodeMessage> answers(&answers_, context,
                                                      writer);
    return uplink->Export(from, [&](const v1::NodeMessage& message) {
      return answers.Write(message);
    });
  };
  const absl::Status status = run();
  spdlog::info("export: status=\"{}\"",
               status.ok() ? "written" : base::Describe(status));
  return ToGrpc(status);
}

grpc::Status TransferService::Accept(grpc::ServerContext* context,
                                     const v1::Acknowledgement* request,
                                     v1::AcceptResponse* response) {
  const auto run = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(UplinkClient* const uplink,
                     Admit(*context, "CityTransfer.Accept"));
    ASSIGN_OR_RETURN(const uint64_t size, uplink->Accept(*request));
    response->set_durable_size(size);
    return absl::OkStatus();
  };
  const absl::Status status = run();
  spdlog::info("acknowledgement: status=\"{}\" durable={}",
               status.ok() ? "accepted" : base::Describe(status),
               response->durable_size());
  return ToGrpc(status);
}

}  // namespace tongchou::node
