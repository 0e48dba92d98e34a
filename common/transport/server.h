// A gRPC server with mutual TLS, the health service grpc.health.v1 and
// reflection. Only holders of a certificate of the authority reach any of it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/transport/credentials.h"

namespace tongchou::transport {

inline constexpr int kServerThreadsMin = 4;
// Calls on one connection at a time; a client's more wait there.
inline constexpr int kConnectionCallsMax = 1'024;
// A connection without a call ends after so long; a client connects again by
// itself.
inline constexpr std::chrono::minutes kIdleTime{10};

struct ServerOptions {
  std::string listen;  // host:port; port 0 takes any free one
  TlsFiles tls;
  std::vector<grpc::Service*> services;  // must outlive the Server
  // Clients show no certificate: for the door of those who have none yet.
  bool open = false;
  // For handlers that block (synchronous services). Calls beyond these are
  // refused with RESOURCE_EXHAUSTED.
  int threads_max = 64;
  // Who has not shown a certificate within this is cut off.
  std::chrono::milliseconds handshake_time{10'000};
};

// All methods may be called from any thread, but Stop not from a handler.
class Server {
 public:
  // Listens and serves at once, with health SERVING. FAILED_PRECONDITION if
  // the port is taken; INVALID_ARGUMENT for options that make no sense; else
  // the errors of MakeServerCredentials.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const ServerOptions& options);

  // Stops at once.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const { return port_; }

  // What the health service answers for the whole server.
  void SetServing(bool serving);

  // Takes no more calls, lets running ones go on for `grace`, then cancels
  // them and returns once their handlers have. Again: does nothing.
  void Stop(std::chrono::milliseconds grace);

 private:
  Server(std::unique_ptr<grpc::Server> server, int port);

  const std::unique_ptr<grpc::Server> server_;
  const int port_;
};

}  // namespace tongchou::transport
