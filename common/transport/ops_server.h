// Plain HTTP for the operators of one machine, GET only:
//   /metrics  what Prometheus scrapes
//   /healthz  200 while it gets on with its work, 503 when it is stalled
//   /readyz   200 when it is not stalled and can do what it is asked, else 503
// It knows no one and encrypts nothing: let it listen on the loopback.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"

namespace httplib {
class Server;
}
namespace prometheus {
class Registry;
}

namespace tongchou::transport {

struct OpsChecks {
  std::function<bool()> healthy;
  std::function<bool()> ready;  // asked while it is healthy
};

class OpsServer {
 public:
  // Serves at once, on threads of its own. The checks are called on any of
  // them, several at a time, until the destructor returns. FAILED_PRECONDITION
  // if the port is taken, INVALID_ARGUMENT if `listen` is not host:port. An
  // address other than a loopback one is served too, with a warning.
  static absl::StatusOr<std::unique_ptr<OpsServer>> Start(
      const std::string& listen, std::shared_ptr<prometheus::Registry> registry,
      const OpsChecks& checks);

  // Waits for running requests.
  ~OpsServer();
  OpsServer(const OpsServer&) = delete;
  OpsServer& operator=(const OpsServer&) = delete;

  int port() const { return port_; }

 private:
  OpsServer(std::unique_ptr<httplib::Server> server, int port);

  const std::unique_ptr<httplib::Server> server_;
  const int port_;
  // Only a server of httplib that runs heeds stop(), so the constructor waits
  // until it runs or has ended.
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

}  // namespace tongchou::transport
