#include "node/read_back.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "common/base/status.h"
#include "common/transport/channel.h"
#include "common/transport/grpc_status.h"
#include "tongchou/v1/exchange.grpc.pb.h"

namespace tongchou::node {
namespace {

constexpr auto kConnectTimeout = std::chrono::seconds(10);

}  // namespace

struct ReadBackCall {
  explicit ReadBackCall(ReadBackStop* stop) : stop(*stop) {
    base::MutexLock lock(stop->mutex_);
    stop->calls_.insert(&context);
    if (stop->stopped_) context.TryCancel();
  }
  ~ReadBackCall() {
    base::MutexLock lock(stop.mutex_);
    stop.calls_.erase(&context);
    context.TryCancel();
  }

  absl::StatusOr<bool> Read(v1::ReadBackResponse* piece) {
    if (has_first) {
      has_first = false;
      *piece = std::move(first);
      return true;
    }
    if (reader->Read(piece)) return true;
    RETURN_IF_ERROR(transport::FromGrpc(reader->Finish()));
    return false;
  }

  ReadBackStop& stop;
  grpc::ClientContext context;
  std::unique_ptr<v1::Exchange::Stub> stub;
  std::unique_ptr<grpc::ClientReader<v1::ReadBackResponse>> reader;
  v1::ReadBackResponse first;  // read at once: it says what hinders
  bool has_first = false;
};

void ReadBackStop::Stop() {
  base::MutexLock lock(mutex_);
  stopped_ = true;
  for (grpc::ClientContext* const call : calls_) call->TryCancel();
}

absl::Status CheckReadBack(const NodeConfig& config) {
  if (config.aggregator.empty()) {
    return base::FailedPreconditionError(
        "the configuration names no aggregator: there is nobody to restore "
        "from");
  }
  return transport::CheckTlsFiles(
      config.tls, {base::Role::kCityNode, fmt::format("{:06}", config.city)});
}

absl::StatusOr<ReadBackSource> OpenReadBack(const NodeConfig& config,
                                            uint64_t from_size,
                                            ReadBackStop* stop) {
  RETURN_IF_ERROR(CheckReadBack(config));
  ASSIGN_OR_RETURN(
      const auto channel,
      transport::MakeChannel(config.aggregator, config.tls,
                             {base::Role::kAggregator, config.province}));
  RETURN_IF_ERROR(transport::WaitConnected(*channel, kConnectTimeout));
  const auto call = std::make_shared<ReadBackCall>(stop);
  call->stub = v1::Exchange::NewStub(channel);
  v1::ReadBackRequest request;
  request.set_from_size(from_size);
  call->reader = call->stub->ReadBack(&call->context, request);
  ASSIGN_OR_RETURN(call->has_first, call->Read(&call->first));
  return [call](v1::ReadBackResponse* piece) { return call->Read(piece); };
}

}  // namespace tongchou::node
