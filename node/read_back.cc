#include "node/read_back.h"

#include <grpcpp/grpcpp.h>

#include "common/base/status.h"
#include "common/transport/channel.h"
#include "common/transport/grpc_status.h"
#include "tongchou/v1/exchange.grpc.pb.h"

namespace tongchou::node {
namespace {

constexpr auto kConnectTimeout = std::chrono::seconds(10);

struct Call {
  grpc::ClientContext context;
  std::unique_ptr<v1::Exchange::Stub> stub;
  std::unique_ptr<grpc::ClientReader<v1::ReadBackResponse>> reader;
};

}  // namespace

absl::StatusOr<ReadBackSource> OpenReadBack(const NodeConfig& config) {
  if (config.aggregator.empty()) {
    return base::FailedPreconditionError(
        "the configuration names no aggregator: there is nobody to restore "
        "from");
  }
  RETURN_IF_ERROR(transport::CheckTlsFiles(
      config.tls, {base::Role::kCityNode, fmt::format("{:06}", config.city)}));
  ASSIGN_OR_RETURN(
      const auto channel,
      transport::MakeChannel(config.aggregator, config.tls,
                             {base::Role::kAggregator, config.province}));
  RETURN_IF_ERROR(transport::WaitConnected(*channel, kConnectTimeout));
  auto call = std::make_shared<Call>();
  call->stub = v1::Exchange::NewStub(channel);
  call->reader = call->stub->ReadBack(&call->context, {});
  return [call](v1::ReadBackResponse* piece) -> absl::StatusOr<bool> {
    if (call->reader->Read(piece)) return true;
    RETURN_IF_ERROR(transport::FromGrpc(call->reader->Finish()));
    return false;
  };
}

}  // namespace tongchou::node
