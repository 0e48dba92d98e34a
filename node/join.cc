#include "node/join.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "common/base/certificate.h"
#include "common/base/ed25519.h"
#include "common/base/file.h"
#include "common/base/join_token.h"
#include "common/base/key_file.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/cosignature.h"
#include "common/ledger/signer.h"
#include "common/transport/channel.h"
#include "common/transport/grpc_status.h"
#include "tongchou/v1/join.grpc.pb.h"

namespace tongchou::node {
namespace {

constexpr auto kConnectTimeout = std::chrono::seconds(10);

absl::StatusOr<base::Ed25519PrivateKey> OwnKey(const std::string& path) {
  if (!base::FileExists(path)) {
    RETURN_IF_ERROR(base::WritePrivateFileDurably(
        path, base::Ed25519PrivateKey::Generate().ToPem()));
  }
  return base::ReadKeyFile(path, "tongchou-node");
}

// The machine's name in "HOST:PORT".
std::string HostOf(const std::string& address) {
  return address.substr(0, address.rfind(':'));
}

std::string ConfigText(const JoinOptions& options,
                       const v1::JoinResponse& joined) {
  return fmt::format(
      "# Written by tongchou-node join; deploy/sample/node.toml explains every "
      "key.\n"
      "province = \"{}\"\ncity = \"{:06}\"\ndata = \"data\"\n"
      "signing_key = \"log-key.pem\"\nsign_guard = \"guard.json\"\n"
      "listen = \"{}\"\naggregator = \"{}:{}\"\nwitness = \"{}\"\n"
      "province_key = \"{}\"\nwitness_key = \"witness-key.pem\"\n\n"
      "[tls]\nca = \"ca.pem\"\ncertificate = \"node.pem\"\n"
      "key = \"node-key.pem\"\n",
      joined.province(), joined.city(), options.listen,
      HostOf(options.province), joined.aggregator_port(), joined.witness(),
      joined.province_key());
}

absl::StatusOr<v1::JoinResponse> Ask(const JoinOptions& options,
                                     const base::JoinToken& token,
                                     const v1::JoinRequest& request) {
  ASSIGN_OR_RETURN(const auto channel, transport::MakePinnedChannel(
                                           options.province, token.province));
  RETURN_IF_ERROR(transport::WaitConnected(*channel, kConnectTimeout));
  const auto stub = v1::Join::NewStub(channel);
  grpc::ClientContext context;
  v1::JoinResponse response;
  RETURN_IF_ERROR(
      transport::FromGrpc(stub->Join(&context, request, &response)));
  if (response.city() != token.city) {
    return base::DataLossError("the province answers as for {:06}",
                               response.city());
  }
  return response;
}

}  // namespace

absl::StatusOr<std::string> Join(const JoinOptions& options) {
  const std::string config = options.directory + "/node.toml";
  if (base::FileExists(config)) {
    return base::AlreadyExistsError("{} exists: this is a node already",
                                    config);
  }
  ASSIGN_OR_RETURN(const base::JoinToken token,
                   base::JoinToken::Parse(options.token));
  RETURN_IF_ERROR(base::MakeDirectories(options.directory));
  const auto path = [&](const char* name) {
    return options.directory + "/" + name;
  };
  ASSIGN_OR_RETURN(auto log_key, OwnKey(path("log-key.pem")));
  ASSIGN_OR_RETURN(auto witness_key, OwnKey(path("witness-key.pem")));
  const base::KeyAndRequest tls = base::MakeCertificateRequest();
  // The province's number is the start of the city's.
  const std::string province = fmt::format("{:02}0000", token.city / 10'000);
  const std::string origin = ledger::CityOrigin(province, token.city);
  v1::JoinRequest request;
  request.set_secret(token.secret);
  request.set_log_key(
      ledger::Signer(origin, std::move(log_key)).verifier().ToText());
  request.set_witness_key(
      ledger::Cosigner(origin + "/witness", std::move(witness_key))
          .verifier()
          .ToText());
  request.set_certificate_request(tls.request_pem);
  for (const std::string& host : options.hosts) request.add_hosts(host);
  ASSIGN_OR_RETURN(const v1::JoinResponse joined, Ask(options, token, request));
  RETURN_IF_ERROR(
      base::WritePrivateFileDurably(path("node-key.pem"), tls.key_pem));
  RETURN_IF_ERROR(
      base::WriteFileDurably(path("node.pem"), joined.certificate()));
  RETURN_IF_ERROR(base::WriteFileDurably(path("ca.pem"), joined.authority()));
  RETURN_IF_ERROR(base::WriteFileDurably(config, ConfigText(options, joined)));
  return config;
}

}  // namespace tongchou::node
