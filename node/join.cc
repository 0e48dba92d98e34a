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
#include "common/ledger/rocksdb_status.h"
#include "common/ledger/signer.h"
#include "common/transport/channel.h"
#include "common/transport/grpc_status.h"
#include "node/log_key.h"
#include "tongchou/v1/join.grpc.pb.h"

namespace tongchou::node {
namespace {

constexpr auto kConnectTimeout = std::chrono::seconds(10);
constexpr std::string_view kLogKey = "log-key.pem";

// The province knows the keys from then on and gives no second token.
constexpr std::string_view kWithoutToken =
    "keep the keys in the directory, have the province issue the node's "
    "certificate and write node.toml by hand (docs/operations.md, set up)";

absl::Status CheckPlace(const std::string& directory) {
  RETURN_IF_ERROR(base::MakeDirectories(directory));
  RETURN_IF_ERROR(ledger::CheckSpace(directory, kJoinFreeBytesMin, directory));
  const std::string probe = directory + "/join.probe";
  RETURN_IF_ERROR(base::WriteFileDurably(probe, ""));
  return base::RemoveAll(probe);
}

absl::StatusOr<base::Ed25519PrivateKey> OwnKey(const std::string& path) {
  RETURN_IF_ERROR(base::MakeKeyFile(path));
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
      "signing_key = \"{}\"\nsign_guard = \"guard.json\"\n"
      "listen = \"{}\"\naggregator = \"{}:{}\"\nwitness = \"{}\"\n"
      "province_key = \"{}\"\nwitness_key = \"witness-key.pem\"\n\n"
      "[tls]\nca = \"ca.pem\"\ncertificate = \"node.pem\"\n"
      "key = \"node-key.pem\"\n",
      joined.province(), joined.city(), kLogKey, options.listen,
      HostOf(options.province), joined.aggregator_port(), joined.witness(),
      joined.province_key());
}

// node.toml last: where it is, there is all of it.
absl::Status Keep(const JoinOptions& options, const std::string& tls_key,
                  const ledger::Signer& log_signer,
                  const v1::JoinResponse& joined) {
  const std::string directory = options.directory + "/";
  if (!joined.replaced_log_key().empty()) {
    ASSIGN_OR_RETURN(const ledger::VerifierKey lost,
                     ledger::ParseVerifierKey(joined.replaced_log_key()));
    RETURN_IF_ERROR(
        KeepReplacement(directory + std::string(kLogKey), lost, log_signer));
  }
  RETURN_IF_ERROR(
      base::WritePrivateFileDurably(directory + "node-key.pem", tls_key));
  RETURN_IF_ERROR(
      base::WriteFileDurably(directory + "ca.pem", joined.authority()));
  RETURN_IF_ERROR(
      base::WriteFileDurably(directory + "node.pem", joined.certificate()));
  return base::WriteFileDurably(directory + "node.toml",
                                ConfigText(options, joined));
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
  absl::Status status =
      transport::FromGrpc(stub->Join(&context, request, &response));
  if (absl::IsUnavailable(status)) {
    return base::UnavailableError(
        "{}; run the same command again: if the token is used up then, {}",
        base::Message(status), kWithoutToken);
  }
  RETURN_IF_ERROR(status);
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
  RETURN_IF_ERROR(CheckPlace(options.directory));
  const auto path = [&](std::string_view name) {
    return fmt::format("{}/{}", options.directory, name);
  };
  ASSIGN_OR_RETURN(auto log_key, OwnKey(path(kLogKey)));
  ASSIGN_OR_RETURN(auto witness_key, OwnKey(path("witness-key.pem")));
  const base::KeyAndRequest tls = base::MakeCertificateRequest();
  // The province's number is the start of the city's.
  const std::string province = fmt::format("{:02}0000", token.city / 10'000);
  const std::string origin = ledger::CityOrigin(province, token.city);
  const ledger::Signer log_signer(origin, std::move(log_key));
  v1::JoinRequest request;
  request.set_secret(token.secret);
  request.set_log_key(log_signer.verifier().ToText());
  request.set_witness_key(
      ledger::Cosigner(origin + "/witness", std::move(witness_key))
          .verifier()
          .ToText());
  request.set_certificate_request(tls.request_pem);
  for (const std::string& host : options.hosts) request.add_hosts(host);
  ASSIGN_OR_RETURN(const v1::JoinResponse joined, Ask(options, token, request));
  const absl::Status kept = Keep(options, tls.key_pem, log_signer, joined);
  if (kept.ok()) return config;
  return base::MakeStatus(kept.code(),
                          fmt::format("{}; the token is used up: {}",
                                      base::Message(kept), kWithoutToken));
}

}  // namespace tongchou::node
