// The node that serves, or brings its log back when that turns out to be an old
// copy or a lost one.
#include <atomic>
#include <thread>
#include <utility>

#include "common/base/logging.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/transport/credentials.h"
#include "common/transport/ops_server.h"
#include "common/transport/server.h"
#include "node/node.h"
#include "node/read_back.h"
#include "node/restoring_service.h"
#include "node/serving_node.h"

namespace tongchou::node {
namespace {

constexpr auto kLook = std::chrono::milliseconds(200);
constexpr auto kRetry = std::chrono::milliseconds(1'000);
// Where the province refuses the log for other reasons, or the disk is full.
constexpr auto kRefusedRetry = std::chrono::milliseconds(10'000);
constexpr auto kStopGrace = std::chrono::milliseconds(1'000);

// What time and trying again may mend.
bool MayPass(const absl::Status& status) {
  return !absl::IsFailedPrecondition(status) && !absl::IsDataLoss(status) &&
         !absl::IsInvalidArgument(status) && !absl::IsNotFound(status);
}

class SelfHealingNode final : public Node {
 public:
  explicit SelfHealingNode(const NodeConfig& config) : config_(config) {}
  ~SelfHealingNode() override;

  absl::Status Open(bool rebuild_state);
  int port() const override { return port_; }

 private:
  void Run();
  void Heal();
  absl::Status RestoreOnce(RestoringService* service);
  void ServeAgain();
  bool Pause(std::chrono::milliseconds time);

  NodeConfig config_;
  base::RealClock clock_;
  int port_ = 0;
  // The thread's own, once that runs.
  std::unique_ptr<ServingNode> serving_;
  std::string problem_;  // why the log cannot be brought back
  // Nothing was missing, and the start that followed is refused, too.
  bool began_anew_ = false;
  ReadBackStop read_back_stop_;
  const ReadBackOpener open_ = [this](uint64_t from_size) {
    return OpenReadBack(config_, from_size, &read_back_stop_);
  };
  base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

SelfHealingNode::~SelfHealingNode() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  read_back_stop_.Stop();
  if (thread_.joinable()) thread_.join();
}

absl::Status SelfHealingNode::Open(bool rebuild_state) {
  RETURN_IF_ERROR(transport::CheckTlsFiles(
      config_.tls,
      {base::Role::kCityNode, fmt::format("{:06}", config_.city)}));
  RETURN_IF_ERROR(EndReplacement(config_));
  ASSIGN_OR_RETURN(serving_, ServingNode::Start(config_, rebuild_state, ""));
  port_ = serving_->port();
  config_.listen = fmt::format(
      "{}:{}", config_.listen.substr(0, config_.listen.rfind(':')), port_);
  if (!config_.aggregator.empty()) thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

bool SelfHealingNode::Pause(std::chrono::milliseconds time) {
  base::MutexLock lock(mutex_);
  if (!stopping_) changed_.WaitFor(mutex_, time);
  return !stopping_;
}

void SelfHealingNode::Run() {
  auto pause = kLook;
  while (Pause(pause)) {
    pause = kLook;
    const bool suspect = serving_->suspect();
    began_anew_ = began_anew_ && suspect;
    if (!problem_.empty() || !suspect) continue;
    const auto needed = NeedsRestore(config_, serving_->log(), open_,
                                     /*refused_as_twin=*/!began_anew_);
    if (!needed.ok()) {
      spdlog::info("the province was not asked for the log: {}",
                   base::Message(needed.status()));
      pause = kRetry;
    } else if (*needed) {
      Heal();
    } else {
      pause = kRefusedRetry;
    }
  }
}

absl::Status SelfHealingNode::RestoreOnce(RestoringService* service) {
  ASSIGN_OR_RETURN(const RestoreSummary done,
                   Restore(config_, open_, [&](const RestoreProgress& now) {
                     service->Show(now);
                   }));
  began_anew_ = done.nothing_to_do;
  if (done.nothing_to_do) return absl::OkStatus();
  spdlog::warn(
      "brought the log back: entries={} fetched={} seconds={:.1f} "
      "added_again={}",
      done.entries, done.fetched, done.seconds, done.added_again);
  if (!done.old_log.empty()) {
    spdlog::warn("the old log lies in {}; remove it when nothing is missed",
                 done.old_log);
  }
  return absl::OkStatus();
}

void SelfHealingNode::Heal() {
  spdlog::warn("this log is an old copy or was lost: bringing it back");
  serving_.reset();
  RestoringService service(config_, &clock_);
  transport::ServerOptions options;
  options.listen = config_.listen;
  options.tls = config_.tls;
  options.services = {&service};
  auto server = transport::Server::Start(options);
  if (!server.ok()) spdlog::warn("{}", base::Message(server.status()));
  absl::Status status;
  do {
    status = RestoreOnce(&service);
    if (status.ok()) break;
    spdlog::warn("the log was not brought back: {}", base::Describe(status));
    service.ShowProblem(std::string(base::Message(status)));
  } while (MayPass(status) &&
           Pause(absl::IsUnavailable(status) ? kRetry : kRefusedRetry));
  if (!status.ok()) problem_ = base::Message(status);
  if (server.ok()) (*server)->Stop(kStopGrace);
  server = absl::UnknownError("stopped");
  ServeAgain();
}

void SelfHealingNode::ServeAgain() {
  while (Pause(std::chrono::milliseconds(0))) {
    auto serving = ServingNode::Start(config_, false, problem_);
    if (serving.ok()) {
      serving_ = *std::move(serving);
      return;
    }
    spdlog::error("the node does not serve: {}",
                  base::Message(serving.status()));
    if (!Pause(kRetry)) return;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Node>> Node::Start(const NodeConfig& config,
                                                  bool rebuild_state) {
  auto node = std::make_unique<SelfHealingNode>(config);
  RETURN_IF_ERROR(node->Open(rebuild_state));
  return node;
}

}  // namespace tongchou::node
