#include <prometheus/registry.h>

#include <atomic>
#include <optional>
#include <thread>

#include "common/alarms/alarm_watch.h"
#include "common/base/certificate.h"
#include "common/base/logging.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/base/volume.h"
#include "common/transport/ops_server.h"
#include "common/transport/server.h"
#include "node/local_facts.h"
#include "node/log_key.h"
#include "node/node_alarms.h"
#include "node/node_gauges.h"
#include "node/node_service.h"
#include "node/renewal.h"
#include "node/serving_node.h"
#include "node/transfer_service.h"

namespace tongchou::node {
namespace {

constexpr auto kStopGrace = std::chrono::milliseconds(3'000);
constexpr auto kSecond = std::chrono::milliseconds(1'000);
// In tenths of a second: two seconds after the start, then every hour.
constexpr int kFirstCertificateTick = 20;
constexpr int kCertificateTicks = 36'000;

absl::StatusOr<std::string> ActorSecret(const NodeConfig& config,
                                        ledger::LogStore* log) {
  if (!config.synthetic_seed.empty()) return config.synthetic_seed;
  ASSIGN_OR_RETURN(const auto known, log->GetLocalFact(kActorSecretFact));
  if (known.has_value()) return *known;
  const std::string secret = base::RandomBytes(32);
  RETURN_IF_ERROR(log->PutLocalFact(kActorSecretFact, secret));
  return secret;
}

class RunningNode final : public ServingNode {
 public:
  RunningNode(const NodeConfig& config, std::string restore_problem)
      : config_(config),
        restore_problem_(std::move(restore_problem)),
        clock_(&real_clock_, config.clock_day) {}
  ~RunningNode() override;

  absl::Status Open(bool rebuild_state);
  int port() const override { return server_->port(); }
  bool suspect() const override { return !RefusedReason().empty(); }
  const ledger::LogStore& log() const override { return *log_; }

 private:
  absl::Status OpenStores(bool rebuild_state);
  absl::Status StartServers();
  // Why the guard or the province refuses the log.
  std::string RefusedReason() const;
  std::string ReadOnlyReason() const;
  // Once a second: looks, shows, signs the head while nothing ships it.
  void Tick();
  void SaveGuard();
  NodeFacts Facts() const;
  void Look();
  void SignHead();
  // Once a second: a step of what --rotate-key or a replaced key began.
  void ChangeKey();
  // Once an hour: a new certificate before this one ends.
  void CheckCertificate();

  const NodeConfig config_;
  const std::string restore_problem_;
  base::RealClock real_clock_;
  base::SteadyClock steady_clock_;
  CommitClock clock_;
  alarms::AlarmBoard board_{&steady_clock_};
  std::string volume_warning_;  // since the stores are open
  NodeAlarms alarms_;           // the ticker's
  std::unique_ptr<ledger::LogStore> log_;
  std::unique_ptr<ledger::HeadSigner> signer_;
  std::unique_ptr<RecordIndex> index_;
  std::unique_ptr<RecordReader> reader_;
  std::atomic<UplinkClient*> uplink_now_ = nullptr;
  std::unique_ptr<Sequencer> sequencer_;
  std::unique_ptr<KeyChanger> key_changer_;
  std::unique_ptr<ProvinceView> province_;
  std::unique_ptr<UplinkClient> uplink_;
  std::unique_ptr<NodeService> service_;
  std::unique_ptr<TransferService> transfer_;
  std::unique_ptr<transport::Server> server_;
  const std::shared_ptr<prometheus::Registry> registry_ =
      std::make_shared<prometheus::Registry>();
  std::optional<NodeGauges> gauges_;  // the ticker's, since its first look
  std::unique_ptr<transport::OpsServer> ops_;
  std::unique_ptr<alarms::AlarmWatch> alarm_watch_;
  std::atomic<bool> stopping_ = false;
  std::thread ticker_;
};

RunningNode::~RunningNode() {
  stopping_ = true;
  if (ticker_.joinable()) ticker_.join();
  alarm_watch_.reset();
  ops_.reset();
  if (server_ != nullptr) server_->Stop(kStopGrace);
  sequencer_.reset();
  uplink_now_ = nullptr;
  uplink_.reset();
  if (signer_ != nullptr) SaveGuard();
  if (index_ != nullptr && !index_->Flush().ok()) {
    spdlog::warn("state: not flushed; the next start reads the log's end");
  }
  spdlog::info("stopped: origin={}", config_.Origin());
}

std::string RunningNode::RefusedReason() const {
  std::string reason = signer_->read_only_reason();
  const UplinkClient* uplink = uplink_now_.load();
  if (reason.empty() && uplink != nullptr) reason = uplink->commit_problem();
  return reason;
}

std::string RunningNode::ReadOnlyReason() const {
  std::string reason = RefusedReason();
  if (!reason.empty() && !restore_problem_.empty()) {
    return fmt::format("{}; it was not brought back: {}", reason,
                       restore_problem_);
  }
  const UplinkClient* uplink = uplink_now_.load();
  if (reason.empty() && uplink != nullptr && !uplink->ever_welcomed()) {
    reason = fmt::format(
        "the log is empty, and the province has not said yet whether it holds "
        "entries of this city; see that {} can be reached",
        config_.aggregator);
  }
  return reason;
}

absl::Status RunningNode::OpenStores(bool rebuild_state) {
  ledger::LogStoreOptions log;
  log.directory = config_.data + "/log";
  ASSIGN_OR_RETURN(log_, ledger::LogStore::Open(log));
  ASSIGN_OR_RETURN(
      index_,
      RecordIndex::Open({config_.data + "/state", rebuild_state}, *log_));
  reader_ = std::make_unique<RecordReader>(log_.get(), config_.city);
  ASSIGN_OR_RETURN(
      ledger::SigningKeys keys,
      LoadSigningKeys(config_, *log_, index_.get(), reader_.get()));
  ASSIGN_OR_RETURN(
      signer_, ledger::HeadSigner::Open(config_.sign_guard, config_.Origin(),
                                        std::move(keys), log_.get(),
                                        /*alone=*/config_.aggregator.empty()));
  return absl::OkStatus();
}

absl::Status RunningNode::StartServers() {
  SequencerOptions options;
  options.synthetic_seed = config_.synthetic_seed;
  options.read_only_reason = [this] { return ReadOnlyReason(); };
  options.committed = [this](uint64_t size) {
    UplinkClient* uplink = uplink_now_.load();
    if (uplink != nullptr) uplink->Committed(size);
  };
  sequencer_ =
      Sequencer::Start(std::move(options), log_.get(), index_.get(), &clock_);
  key_changer_ = std::make_unique<KeyChanger>(config_, index_.get(),
                                              signer_.get(), sequencer_.get());
  NodeParts parts{config_,       log_.get(),       signer_.get(), index_.get(),
                  reader_.get(), sequencer_.get(), &clock_,       nullptr,
                  nullptr,       nullptr,          std::string()};
  parts.alarms = &board_;
  parts.read_only_reason = [this] { return ReadOnlyReason(); };
  volume_warning_ = base::EncryptionWarning(config_.data);
  parts.volume_warning = volume_warning_;
  ASSIGN_OR_RETURN(parts.actor_secret, ActorSecret(config_, log_.get()));
  if (!config_.aggregator.empty()) {
    ASSIGN_OR_RETURN(province_,
                     ProvinceView::Open(config_, log_.get(), &real_clock_));
    ASSIGN_OR_RETURN(uplink_,
                     UplinkClient::Start(config_, log_.get(), signer_.get(),
                                         province_.get(), &real_clock_));
    uplink_now_ = uplink_.get();
    parts.province = province_.get();
    parts.uplink = uplink_.get();
  }
  service_ = std::make_unique<NodeService>(std::move(parts));
  transfer_ = std::make_unique<TransferService>(config_, uplink_.get(),
                                                &service_->answers());
  transport::ServerOptions server;
  server.listen = config_.listen;
  server.tls = config_.tls;
  server.services = {service_.get(), transfer_.get()};
  ASSIGN_OR_RETURN(server_, transport::Server::Start(server));
  if (!config_.ops_listen.empty()) {
    ASSIGN_OR_RETURN(
        ops_, transport::OpsServer::Start(
                  config_.ops_listen, registry_,
                  {.healthy = [this] { return !board_.stalled(); },
                   .ready = [this] { return ReadOnlyReason().empty(); }}));
  }
  return absl::OkStatus();
}

absl::Status RunningNode::Open(bool rebuild_state) {
  RETURN_IF_ERROR(OpenStores(rebuild_state));
  RETURN_IF_ERROR(StartServers());
  server_->SetServing(true);
  alarms::AlarmWatchOptions watch;
  watch.board = &board_;
  watch.program = alarms::Program::kNode;
  watch.registry = registry_;
  watch.city = fmt::format("{:06}", config_.city);
  watch.serving = [this](bool serving) { server_->SetServing(serving); };
  alarm_watch_ = alarms::AlarmWatch::Start(std::move(watch));
  ticker_ = std::thread([this] { Tick(); });
  const std::string reason = ReadOnlyReason();
  if (!reason.empty()) spdlog::warn("read-only: {}", reason);
  spdlog::info("serving: origin={} listen={} port={} entries={} records={}",
               config_.Origin(), config_.listen, server_->port(),
               log_->Head().size(), index_->live_records());
  return absl::OkStatus();
}

void RunningNode::SaveGuard() {
  const absl::Status saved = signer_->SaveGuard();
  if (!saved.ok()) spdlog::warn("sign guard: {}", base::Message(saved));
}

void RunningNode::ChangeKey() {
  if (!ReadOnlyReason().empty()) return;
  const absl::Status step = key_changer_->Step(
      uplink_ == nullptr ? log_->Head().size()
                         : uplink_->status().positions.durable);
  if (!step.ok()) {
    spdlog::warn("the log's key is not changed: {}", base::Message(step));
  }
}

void RunningNode::CheckCertificate() {
  const auto days_left = [this] {
    return base::CertificateDaysLeft(config_.tls.certificate,
                                     real_clock_.NowMicros());
  };
  const auto days = days_left();
  if (days.ok() && *days < base::kRenewalDays && !config_.aggregator.empty()) {
    const absl::Status renewed = RenewCertificate(config_);
    if (renewed.ok()) {
      spdlog::info("certificate renewed: days={}", days_left().value_or(0));
    } else {
      spdlog::warn(
          "the certificate is good for {} days and was not renewed: {}", *days,
          base::Message(renewed));
    }
  }
}

NodeFacts RunningNode::Facts() const {
  NodeFacts facts;
  facts.machine = alarms::LookAtMachine(config_.data, config_.tls.certificate,
                                        clock_.RealMicros());
  facts.machine.reserve_bytes = ledger::kDiskReserveBytes;
  facts.machine.volume_warning = volume_warning_;
  facts.committed = log_->Head().size();
  facts.records = index_->live_records();
  facts.writes = sequencer_->queue();
  facts.read_only_reason = ReadOnlyReason();
  facts.has_uplink = uplink_ != nullptr;
  if (facts.has_uplink) {
    facts.uplink = uplink_->status();
    const ProvinceViewStatus province = province_->status();
    facts.province_log_entries = province.size;
    facts.province_log_problem = province.problem;
  }
  return facts;
}

void RunningNode::Look() {
  const NodeFacts facts = Facts();
  board_.Look(alarms_.Look(facts, steady_clock_.NowMicros()));
  if (!gauges_.has_value()) {
    gauges_.emplace(config_.city, facts.has_uplink, registry_.get());
  }
  gauges_->Show(facts, alarms_.machine().disk_days());
}

// Whoever is connected has a head signed with every batch.
void RunningNode::SignHead() {
  const ledger::LogHead head = log_->Head();
  if (head.size() == 0 ||
      (uplink_ != nullptr && uplink_->status().state == "connected")) {
    return;
  }
  const auto note = signer_->Sign(head.size(), head.range.Root());
  if (note.ok() && !log_->PutCheckpoint(head.size(), *note).ok()) {
    spdlog::error("checkpoint at {} could not be stored", head.size());
  }
}

void RunningNode::Tick() {
  for (int i = 0; !stopping_; ++i) {
    std::this_thread::sleep_for(kSecond / 10);
    if (i % kCertificateTicks == kFirstCertificateTick) CheckCertificate();
    if (i % 10 != 0) continue;
    service_->EndUnread(std::chrono::steady_clock::now());
    Look();
    SaveGuard();
    ChangeKey();
    SignHead();
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<ServingNode>> ServingNode::Start(
    const NodeConfig& config, bool rebuild_state, std::string restore_problem) {
  auto node = std::make_unique<RunningNode>(config, std::move(restore_problem));
  RETURN_IF_ERROR(node->Open(rebuild_state));
  return node;
}

}  // namespace tongchou::node
