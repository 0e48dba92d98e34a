#include "common/transport/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/channel_arguments.h>

#include <future>

#include "common/base/status.h"
#include "common/transport/listen_address.h"

namespace tongchou::transport {
namespace {

using std::chrono::system_clock;

constexpr char kAttemptTimeoutArgument[] = GRPC_ARG_MIN_RECONNECT_BACKOFF_MS;
constexpr auto kSelfTimeout = std::chrono::seconds(5);
constexpr auto kProbeTimeout = std::chrono::milliseconds(250);

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetMaxSendMessageSize(kMessageBytesMax);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(kAttemptTimeoutArgument, 5'000);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

absl::Status WhyNotConnected(grpc::Channel& channel) {
  grpc::GenericStub stub(channel.shared_from_this());
  grpc::ClientContext context;
  context.set_deadline(system_clock::now() + kProbeTimeout);
  const grpc::Slice nothing;
  const grpc::ByteBuffer request(&nothing, 1);
  grpc::ByteBuffer response;
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(),
                 &request, &response, [&done](grpc::Status status) {
                   done.set_value(std::move(status));
                 });
  const grpc::Status status = done.get_future().get();
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    return base::UnavailableError("{}: not connected: {}", context.peer(),
                                  status.error_message());
  }
  return base::UnavailableError("{}: not connected in time", context.peer());
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(
    const std::string& address, const TlsFiles& files,
    const base::ExpectedPeer& server) {
  ASSIGN_OR_RETURN(const auto credentials,
                   MakeChannelCredentials(files, server));
  return grpc::CreateCustomChannel(address, credentials, Arguments());
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakePinnedChannel(
    const std::string& address, const base::Hash& fingerprint) {
  return grpc::CreateCustomChannel(
      address, MakePinnedChannelCredentials(fingerprint), Arguments());
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> ConnectToSelf(
    const std::string& listen, const TlsFiles& files,
    const base::ExpectedPeer& self) {
  RETURN_IF_ERROR(CheckTlsFiles(files, self));
  ASSIGN_OR_RETURN(const ListenAddress listens, ParseListenAddress(listen));
  const std::string address = LocalAddress(listens);
  ASSIGN_OR_RETURN(auto channel, MakeChannel(address, files, self));
  const absl::Status status = WaitConnected(*channel, kSelfTimeout);
  if (status.ok()) return channel;
  return base::UnavailableError("{}; is the {} running on this machine?",
                                base::Message(status),
                                base::RoleName(self.role));
}

absl::Status WaitConnected(grpc::Channel& channel,
                           std::chrono::milliseconds timeout) {
  if (channel.WaitForConnected(system_clock::now() + timeout)) {
    return absl::OkStatus();
  }
  return WhyNotConnected(channel);
}

}  // namespace tongchou::transport
