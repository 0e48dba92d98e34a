#include "common/transport/ops_server.h"

#include <httplib.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/base/cpu_account.h"
#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/transport/listen_address.h"

namespace tongchou::transport {
namespace {

constexpr size_t kThreads = 4;
constexpr size_t kRequestBytesMax = 1024;
constexpr auto kTimeout = std::chrono::seconds(5);
constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";
constexpr char kTextType[] = "text/plain; charset=utf-8";

void Answer(httplib::Response& response, int code, const char* text) {
  response.status = code;
  response.set_content(text, kTextType);
}

prometheus::MetricFamily CpuFamily(
    const char* name, const char* help,
    const std::map<std::string, double>& seconds) {
  prometheus::MetricFamily family{
      name, help, prometheus::MetricType::Counter, {}};
  for (const auto& [work, value] : seconds) {
    prometheus::ClientMetric metric;
    if (!work.empty()) metric.label.push_back({"work", work});
    metric.counter.value = value;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

std::string Metrics(const prometheus::Registry& registry) {
  std::vector<prometheus::MetricFamily> families = registry.Collect();
  families.push_back(CpuFamily("tongchou_work_cpu_seconds_total",
                               "Processor time by kind of work",
                               base::CpuSeconds()));
  families.push_back(CpuFamily("process_cpu_seconds_total",
                               "Processor time of the process",
                               {{"", base::ProcessCpuSeconds()}}));
  return prometheus::TextSerializer().Serialize(families);
}

httplib::Server::HandlerResponse RefuseOtherMethods(
    const httplib::Request& request, httplib::Response& response) {
  if (request.method == "GET") {
    return httplib::Server::HandlerResponse::Unhandled;
  }
  response.set_header("Allow", "GET");
  Answer(response, 405, "GET only\n");
  return httplib::Server::HandlerResponse::Handled;
}

void AddHandlers(httplib::Server& server,
                 std::shared_ptr<prometheus::Registry> registry,
                 const OpsChecks& checks) {
  server.set_pre_routing_handler(RefuseOtherMethods);
  server.Get("/metrics",
             [registry = std::move(registry)](const httplib::Request&,
                                              httplib::Response& response) {
               response.set_content(Metrics(*registry), kMetricsType);
             });
  server.Get("/healthz", [healthy = checks.healthy](
                             const httplib::Request&,
                             httplib::Response& response) {
    const bool is_healthy = healthy();
    Answer(response, is_healthy ? 200 : 503, is_healthy ? "ok\n" : "stalled\n");
  });
  server.Get("/readyz",
             [checks](const httplib::Request&, httplib::Response& response) {
               const bool is_ready = checks.healthy() && checks.ready();
               Answer(response, is_ready ? 200 : 503,
                      is_ready ? "ready\n" : "not ready\n");
             });
}

void RefuseSharedPort(int socket) {
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

void Configure(httplib::Server& server) {
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_socket_options(RefuseSharedPort);
  server.set_keep_alive_max_count(1);
  server.set_payload_max_length(kRequestBytesMax);
  server.set_read_timeout(kTimeout);
  server.set_write_timeout(kTimeout);
}

int BoundPortOrZero(httplib::Server& server, const ListenAddress& address) {
  if (address.port == 0) {
    return std::max(server.bind_to_any_port(address.host), 0);
  }
  return server.bind_to_port(address.host, address.port) ? address.port : 0;
}

void WarnUnlessLoopback(const ListenAddress& address) {
  const std::string& host = address.host;
  if (host == "localhost" || host == "::1" || host.starts_with("127.")) return;
  spdlog::warn("ops: {} can be reached from other machines, without any check",
               host);
}

}  // namespace

absl::StatusOr<std::unique_ptr<OpsServer>> OpsServer::Start(
    const std::string& listen, std::shared_ptr<prometheus::Registry> registry,
    const OpsChecks& checks) {
  ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(listen));
  auto server = std::make_unique<httplib::Server>();
  Configure(*server);
  AddHandlers(*server, std::move(registry), checks);
  const int port = BoundPortOrZero(*server, address);
  if (port == 0) return CannotListenError(listen, address.port);
  WarnUnlessLoopback(address);
  return std::unique_ptr<OpsServer>(new OpsServer(std::move(server), port));
}

OpsServer::OpsServer(std::unique_ptr<httplib::Server> server, int port)
    : server_(std::move(server)), port_(port) {
  thread_ = std::thread([this] {
    if (!server_->listen_after_bind()) spdlog::error("ops: server stopped");
    ended_ = true;
  });
  while (!server_->is_running() && !ended_) std::this_thread::yield();
}

OpsServer::~OpsServer() {
  server_->stop();
  thread_.join();
}

}  // namespace tongchou::transport
