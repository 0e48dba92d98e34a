#include "cli/connection.h"

#include <chrono>

#include "cli/text.h"
#include "common/base/config.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/records/division.h"
#include "common/transport/channel.h"
#include "common/transport/grpc_status.h"

namespace tongchou::cli {
namespace {

constexpr auto kConnectTimeout = std::chrono::seconds(5);
constexpr char kDefaultConfig[] = "client.toml";

struct ClientConfig {
  std::string path;
  std::string node;
  std::string aggregator;
  uint32_t city = 0;
  transport::TlsFiles tls;
};

absl::StatusOr<ClientConfig> LoadClientConfig(const Globals& globals) {
  ClientConfig client;
  client.path = globals.config.empty() ? kDefaultConfig : globals.config;
  if (!base::FileExists(client.path)) {
    return base::NotFoundError(
        "{}: no such file; name it with --config or in $TONGCHOU_CONFIG",
        client.path);
  }
  ASSIGN_OR_RETURN(base::Config config, base::Config::Load(client.path));
  client.node = config.TextOr("node", "");
  client.aggregator = config.TextOr("aggregator", "");
  const std::string city = config.TextOr("city", "");
  client.tls.ca = config.Path("tls.ca");
  client.tls.certificate = config.Path("tls.certificate");
  client.tls.key = config.Path("tls.key");
  RETURN_IF_ERROR(config.Finish());
  if (!globals.node.empty()) client.node = globals.node;
  if (!globals.aggregator.empty()) client.aggregator = globals.aggregator;
  if (!city.empty()) {
    const auto code = records::Divisions::Get().ParseCity(city);
    if (!code.ok()) {
      return base::Annotate(code.status(), client.path + ": city");
    }
    client.city = *code;
  }
  return client;
}

absl::Status Missing(const ClientConfig& client, std::string_view key,
                     std::string_view option) {
  return base::FailedPreconditionError(
      "{}: {}: is missing; write it there or give {}", client.path, key,
      option);
}

absl::StatusOr<Connection> Connect(const ClientConfig& client,
                                   const std::string& address,
                                   const base::ExpectedPeer& peer) {
  Connection connection;
  connection.address = address;
  connection.city = client.city;
  ASSIGN_OR_RETURN(connection.channel,
                   transport::MakeChannel(address, client.tls, peer));
  const absl::Status status =
      transport::WaitConnected(*connection.channel, kConnectTimeout);
  if (status.ok()) return connection;
  const absl::Status named = base::Message(status).starts_with(address + ":")
                                 ? status
                                 : base::Annotate(status, address);
  return base::UnavailableError("{}; is the {} of {} running there?",
                                base::Message(named), base::RoleName(peer.role),
                                peer.division.value_or("the province"));
}

}  // namespace

absl::StatusOr<Connection> ConnectNode(const Globals& globals, uint32_t city) {
  ASSIGN_OR_RETURN(ClientConfig client, LoadClientConfig(globals));
  if (city != 0) client.city = city;
  if (client.node.empty()) return Missing(client, "node", "--node HOST:PORT");
  if (client.city == 0) return Missing(client, "city", "--city CITY");
  return Connect(client, client.node,
                 {base::Role::kCityNode, DivisionText(client.city)});
}

absl::StatusOr<Connection> ConnectAggregator(const Globals& globals) {
  ASSIGN_OR_RETURN(const ClientConfig client, LoadClientConfig(globals));
  if (client.aggregator.empty()) {
    return Missing(client, "aggregator", "--aggregator HOST:PORT");
  }
  return Connect(
      client, client.aggregator,
      {base::Role::kAggregator, DivisionText(records::kProvinceDivision)});
}

absl::StatusOr<bool> IsForNode(const Globals& globals) {
  ASSIGN_OR_RETURN(const ClientConfig client, LoadClientConfig(globals));
  return !globals.node.empty() ||
         (globals.aggregator.empty() && !client.node.empty());
}

absl::Status CallStatus(const Connection& connection,
                        const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return base::Annotate(transport::FromGrpc(status), connection.address);
}

}  // namespace tongchou::cli
