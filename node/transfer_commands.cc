#include "node/transfer_commands.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/sync_stream.h>

#include <memory>

#include "common/base/progress_line.h"
#include "common/base/status.h"
#include "common/exchange/transfer_file.h"
#include "common/ledger/bundle.h"
#include "common/transport/channel.h"
#include "common/transport/grpc_status.h"
#include "tongchou/v1/transfer.grpc.pb.h"

namespace tongchou::node {
namespace {

absl::StatusOr<std::unique_ptr<v1::CityTransfer::Stub>> Connect(
    const NodeConfig& config) {
  ASSIGN_OR_RETURN(
      const auto channel,
      transport::ConnectToSelf(
          config.listen, config.tls,
          {base::Role::kCityNode, fmt::format("{:06}", config.city)}));
  return v1::CityTransfer::NewStub(channel);
}

}  // namespace

absl::Status ExportLog(const NodeConfig& config, const std::string& path,
                       std::optional<uint64_t> from) {
  ASSIGN_OR_RETURN(const auto stub, Connect(config));
  ASSIGN_OR_RETURN(const auto file, exchange::TransferWriter::Create(
                                        path, exchange::TransferKind::kExport));
  v1::ExportRequest request;
  if (from.has_value()) request.set_from_size(*from);
  grpc::ClientContext context;
  const auto reader = stub->Export(&context, request);
  base::ProgressLine line("exporting", base::kEntries);
  v1::NodeMessage message;
  uint64_t committed = 0;
  uint64_t end = 0;
  while (reader->Read(&message)) {
    RETURN_IF_ERROR(file->Add(message));
    if (message.has_hello()) committed = message.hello().committed_size();
    if (message.batch().bundles().empty()) continue;
    ASSIGN_OR_RETURN(const auto range,
                     ledger::PeekBundle(*message.batch().bundles().rbegin()));
    end = range.end();
    line.Show(end, committed);
  }
  RETURN_IF_ERROR(transport::FromGrpc(reader->Finish()));
  ASSIGN_OR_RETURN(const uint64_t bytes, file->Finish());
  if (end > 0) {
    fmt::print("{}: entries up to {}, {:.1f} MiB; import it at the province\n",
               path, end, static_cast<double>(bytes) / (1 << 20));
  } else {
    fmt::print(
        "{}: a greeting without entries: the province has acknowledged all, or "
        "it has not confirmed this log since the node's start. Import it, "
        "accept the acknowledgement, and export again if entries are missing "
        "there\n",
        path);
  }
  return absl::OkStatus();
}

absl::Status AcceptAcknowledgement(const NodeConfig& config,
                                   const std::string& path) {
  ASSIGN_OR_RETURN(const auto file,
                   exchange::TransferReader::Open(
                       path, exchange::TransferKind::kAcknowledgement));
  v1::Acknowledgement acknowledgement;
  ASSIGN_OR_RETURN(const bool any, file->Next(&acknowledgement));
  if (!any) return base::DataLossError("{}: says nothing", path);
  ASSIGN_OR_RETURN(const auto stub, Connect(config));
  grpc::ClientContext context;
  v1::AcceptResponse response;
  const absl::Status status =
      transport::FromGrpc(stub->Accept(&context, acknowledgement, &response));
  if (!status.ok()) return base::Annotate(status, path);
  fmt::print("the province holds {} entries\n", response.durable_size());
  return absl::OkStatus();
}

}  // namespace tongchou::node
