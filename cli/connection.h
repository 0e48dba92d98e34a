// Connections to a node or the province's aggregator, by client.toml:
//
//   node = "127.0.0.1:7001"
//   aggregator = "127.0.0.1:7000"
//   city = "360100"          # whose node that is
//   [tls]
//   ca = "ca.pem"            # paths from the file's folder
//   certificate = "operator.pem"
//   key = "operator-key.pem"
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cli/command.h"

namespace tongchou::cli {

struct Connection {
  std::shared_ptr<grpc::Channel> channel;
  std::string address;
  uint32_t city = 0;  // of a node
};

// Connected, to the node of the city (0 = that of the file). Errors name the
// file or the address and what to do.
absl::StatusOr<Connection> ConnectNode(const Globals& globals, uint32_t city);
absl::StatusOr<Connection> ConnectAggregator(const Globals& globals);

// Whether a question that both can answer is for the node: where one is known,
// unless --aggregator is given and --node is not.
absl::StatusOr<bool> IsForNode(const Globals& globals);

// OK, or the error with the peer's address.
absl::Status CallStatus(const Connection& connection,
                        const grpc::Status& status);

}  // namespace tongchou::cli
