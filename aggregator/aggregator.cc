#include "aggregator/aggregator.h"

#include <prometheus/registry.h>

#include <atomic>
#include <optional>
#include <thread>

#include "aggregator/service/admin_service.h"
#include "aggregator/service/audit_service.h"
#include "aggregator/service/exchange_service.h"
#include "aggregator/service/join_service.h"
#include "aggregator/service/journal_writer.h"
#include "aggregator/service/mirror_service.h"
#include "aggregator/service/province_alarms.h"
#include "aggregator/service/province_gauges.h"
#include "aggregator/service/query_service.h"
#include "common/alarms/alarm_watch.h"
#include "common/base/key_file.h"
#include "common/base/logging.h"
#include "common/base/sealer.h"
#include "common/base/status.h"
#include "common/base/volume.h"
#include "common/transport/ops_server.h"
#include "common/transport/server.h"

namespace tongchou::aggregator {
namespace {

constexpr auto kStopGrace = std::chrono::milliseconds(2'000);
constexpr int kDoorThreads = 4;
constexpr auto kTick = std::chrono::milliseconds(100);
constexpr int kTicksPerHour = 36'000;

constexpr std::string_view kProgram = "tongchou-aggregator";

absl::StatusOr<ledger::Cosigner> LoadCosigner(const AggregatorConfig& config) {
  ASSIGN_OR_RETURN(auto key, base::ReadKeyFile(config.witness_key, kProgram));
  return ledger::Cosigner(config.WitnessName(), std::move(key));
}

absl::StatusOr<std::unique_ptr<OwnHead>> OpenOwnHead(
    const AggregatorConfig& config, ledger::LogStore* log) {
  ASSIGN_OR_RETURN(auto key, base::ReadKeyFile(config.signing_key, kProgram));
  OwnHeadOptions options;
  options.sign_guard = config.sign_guard;
  options.origin = config.Origin();
  options.witnesses = config.witnesses;
  options.mirror_required = config.mirror_required;
  return OwnHead::Open(options, ledger::Signer(config.Origin(), std::move(key)),
                       log);
}

class RunningAggregator final : public Aggregator {
 public:
  explicit RunningAggregator(const AggregatorConfig& config)
      : config_(config), cities_(config.cities) {}
  ~RunningAggregator() override;

  absl::Status Open(bool rebuild_state);
  int port() const override { return server_->port(); }

 private:
  absl::Status OpenStores(bool rebuild_state);
  absl::Status StartServer();
  absl::Status AddJoinedCities();
  absl::Status CameBack();
  absl::Status OpenDoor();
  void RestoreQuarantines();
  absl::Status RestoreRevocations();
  // Once a second: looks, shows, signs.
  void Tick();
  ProvinceFacts Facts();
  void Look();
  void SignOwnLog();
  void RenewCertificate();

  const AggregatorConfig config_;
  base::RealClock clock_;
  base::SteadyClock steady_clock_;
  alarms::AlarmBoard board_{&steady_clock_};
  std::string volume_warning_;                 // since the stores are open
  ProvinceAlarms alarms_{clock_.NowMicros()};  // the ticker's
  CityTable cities_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<UnifiedState> state_;
  std::atomic<ExchangeService*> exchange_now_ = nullptr;
  std::atomic<Applier*> applier_now_ = nullptr;
  std::unique_ptr<JournalWriter> writer_;
  std::unique_ptr<AccessGuard> guard_;
  std::unique_ptr<OwnHead> own_head_;
  std::unique_ptr<Masker> masker_;
  std::unique_ptr<Authority> authority_;
  std::unique_ptr<ExchangeService> exchange_;
  std::unique_ptr<Applier> applier_;
  std::unique_ptr<QueryService> query_;
  std::unique_ptr<AuditService> audit_;
  std::unique_ptr<AdminService> admin_;
  std::unique_ptr<JoinService> join_;
  std::unique_ptr<MirrorService> mirror_;
  std::unique_ptr<transport::Server> server_;
  std::unique_ptr<transport::Server> door_;
  const std::shared_ptr<prometheus::Registry> registry_ =
      std::make_shared<prometheus::Registry>();
  std::optional<ProvinceGauges> gauges_;  // the ticker's, since its first look
  std::unique_ptr<transport::OpsServer> ops_;
  std::unique_ptr<alarms::AlarmWatch> alarm_watch_;
  absl::Status sign_status_;  // of the ticker's last attempt
  std::atomic<bool> stopping_ = false;
  std::thread ticker_;
};

RunningAggregator::~RunningAggregator() {
  stopping_ = true;
  if (ticker_.joinable()) ticker_.join();
  alarm_watch_.reset();
  ops_.reset();
  if (door_ != nullptr) door_->Stop(kStopGrace);
  if (server_ != nullptr) server_->Stop(kStopGrace);
  if (guard_ != nullptr) guard_->WriteRefusals(/*all=*/true);
  writer_.reset();
  if (own_head_ != nullptr) SignOwnLog();
  applier_now_ = nullptr;
  applier_.reset();
  exchange_now_ = nullptr;
  if (state_ != nullptr && !state_->Flush().ok()) {
    spdlog::warn("unified database: not flushed; the next start catches up");
  }
  spdlog::info("stopped: province={}", config_.province);
}

absl::Status RunningAggregator::OpenStores(bool rebuild_state) {
  ASSIGN_OR_RETURN(ledger::Cosigner cosigner, LoadCosigner(config_));
  JournalOptions options;
  options.directory = config_.data + "/journal";
  ASSIGN_OR_RETURN(journal_, Journal::Open(options));
  ASSIGN_OR_RETURN(own_head_, OpenOwnHead(config_, &journal_->own_log()));
  journal_->HoldWhile([this] { return own_head_->hold_reason(); });
  ASSIGN_OR_RETURN(authority_, Authority::Open(config_.authority,
                                               config_.authority_key, &clock_));
  RETURN_IF_ERROR(AddJoinedCities());
  ASSIGN_OR_RETURN(const std::string pseudonym_key,
                   base::ReadSealerKey(config_.pseudonym_key, kProgram));
  masker_ = std::make_unique<Masker>(pseudonym_key);
  ASSIGN_OR_RETURN(
      state_, UnifiedState::Open({config_.data + "/state", rebuild_state}));
  RestoreQuarantines();
  writer_ = JournalWriter::Start(journal_.get(), std::move(cosigner), &clock_,
                                 [this](JournalGroup group) {
                                   Applier* applier = applier_now_.load();
                                   if (applier == nullptr) return;
                                   applier->Offer(std::move(group));
                                 });
  guard_ = std::make_unique<AccessGuard>(writer_.get(), &clock_);
  RETURN_IF_ERROR(RestoreRevocations());
  exchange_ = std::make_unique<ExchangeService>(
      config_.province, journal_.get(), writer_.get(), &cities_, guard_.get(),
      own_head_.get(), authority_.get(), &clock_);
  exchange_now_ = exchange_.get();
  mirror_ = std::make_unique<MirrorService>(journal_.get(), own_head_.get(),
                                            guard_.get(),
                                            [this] { return CameBack(); });
  ASSIGN_OR_RETURN(applier_, Applier::Start(journal_.get(), state_.get(),
                                            [this](const Position& position) {
                                              ExchangeService* exchange =
                                                  exchange_now_.load();
                                              if (exchange != nullptr) {
                                                exchange->Applied(position);
                                              }
                                            }));
  applier_now_ = applier_.get();
  exchange_->Applied(applier_->position());
  return absl::OkStatus();
}

absl::Status RunningAggregator::AddJoinedCities() {
  ASSIGN_OR_RETURN(const auto joined, journal_->JoinedCities());
  for (const v1::JoinedCity& city : joined) {
    ASSIGN_OR_RETURN(const auto log, ledger::ParseVerifierKey(city.log_key()));
    ASSIGN_OR_RETURN(const auto witness,
                     ledger::ParseVerifierKey(city.witness_key()));
    cities_.Add(city.city(), log);
    for (const std::string& replacement : city.replacements()) {
      ASSIGN_OR_RETURN(const auto key, ledger::ParseVerifierKey(replacement));
      cities_.Replace(city.city(), key);
    }
    if (city.replacements().empty()) {
      own_head_->AddWitness(city.city(), witness);
    } else {
      own_head_->ReplaceWitness(city.city(), witness);
    }
  }
  for (const uint32_t city : cities_.cities()) {
    ASSIGN_OR_RETURN(const auto changes, journal_->KeyChanges(city));
    cities_.Changed(city, changes);
  }
  return absl::OkStatus();
}

absl::Status RunningAggregator::RestoreRevocations() {
  ASSIGN_OR_RETURN(const std::vector<base::Hash> revoked, journal_->Revoked());
  for (const base::Hash& one : revoked) guard_->revocations().Add(one);
  ASSIGN_OR_RETURN(const auto joined, journal_->JoinedCities());
  for (const v1::JoinedCity& city : joined) {
    if (city.replacements().empty()) continue;
    guard_->revocations().AddBefore(fmt::format("{:06}", city.city()),
                                    city.certificates_from_us());
  }
  return absl::OkStatus();
}

// What the own log knew that the mirror brought back.
absl::Status RunningAggregator::CameBack() {
  RETURN_IF_ERROR(AddJoinedCities());
  RestoreQuarantines();
  RETURN_IF_ERROR(RestoreRevocations());
  applier_->Offer({});
  return absl::OkStatus();
}

absl::Status RunningAggregator::OpenDoor() {
  if (config_.join_listen.empty()) return absl::OkStatus();
  JoinParts parts;
  parts.province = config_.province;
  parts.journal = journal_.get();
  parts.cities = &cities_;
  parts.own_head = own_head_.get();
  parts.authority = authority_.get();
  parts.clock = &clock_;
  parts.witness = writer_->witness();
  parts.own_key = own_head_->verifier();
  parts.aggregator_port = server_->port();
  parts.revocations = &guard_->revocations();
  parts.end_session = [this](uint32_t city) { exchange_->EndSession(city); };
  join_ = std::make_unique<JoinService>(std::move(parts));
  transport::ServerOptions door;
  door.listen = config_.join_listen;
  door.tls = config_.tls;
  door.services = {join_.get()};
  door.open = true;
  door.threads_max = kDoorThreads;
  ASSIGN_OR_RETURN(door_, transport::Server::Start(door));
  spdlog::info("new nodes may join: listen={} port={}", config_.join_listen,
               door_->port());
  return absl::OkStatus();
}

void RunningAggregator::RestoreQuarantines() {
  for (const uint32_t city : journal_->cities()) {
    const auto copy = journal_->City(city);
    if (copy.ok() && !copy->quarantine.empty()) {
      cities_.Quarantined(city, copy->quarantine);
    }
  }
}

absl::Status RunningAggregator::StartServer() {
  ProvinceParts parts;
  parts.province = config_.province;
  volume_warning_ = base::EncryptionWarning(config_.data);
  parts.volume_warning = volume_warning_;
  parts.journal = journal_.get();
  parts.state = state_.get();
  parts.applier = applier_.get();
  parts.cities = &cities_;
  parts.clock = &clock_;
  parts.guard = guard_.get();
  parts.own_head = own_head_.get();
  parts.masker = masker_.get();
  parts.authority = authority_.get();
  parts.certificate = config_.tls.certificate;
  parts.alarms = &board_;
  query_ = std::make_unique<QueryService>(parts);
  audit_ = std::make_unique<AuditService>(parts);
  admin_ = std::make_unique<AdminService>(parts);
  transport::ServerOptions server;
  server.listen = config_.listen;
  server.tls = config_.tls;
  v1::Exchange::Service* const exchange = exchange_.get();
  v1::ProvinceTransfer::Service* const transfer = exchange_.get();
  server.services = {exchange,     transfer,     query_.get(),
                     audit_.get(), admin_.get(), mirror_.get()};
  ASSIGN_OR_RETURN(server_, transport::Server::Start(server));
  RETURN_IF_ERROR(OpenDoor());
  if (!config_.ops_listen.empty()) {
    ASSIGN_OR_RETURN(ops_, transport::OpsServer::Start(
                               config_.ops_listen, registry_,
                               {.healthy = [this] { return !board_.stalled(); },
                                .ready =
                                    [this] {
                                      return applier_->caught_up() &&
                                             applier_->status().ok();
                                    }}));
  }
  return absl::OkStatus();
}

absl::Status RunningAggregator::Open(bool rebuild_state) {
  RETURN_IF_ERROR(transport::CheckTlsFiles(
      config_.tls, {base::Role::kAggregator, config_.province}));
  RETURN_IF_ERROR(OpenStores(rebuild_state));
  RETURN_IF_ERROR(StartServer());
  server_->SetServing(true);
  alarms::AlarmWatchOptions watch;
  watch.board = &board_;
  watch.program = alarms::Program::kAggregator;
  watch.registry = registry_;
  watch.serving = [this](bool serving) { server_->SetServing(serving); };
  alarm_watch_ = alarms::AlarmWatch::Start(std::move(watch));
  ticker_ = std::thread([this] { Tick(); });
  spdlog::info("serving: province={} listen={} port={} ordinal={} cities={}",
               config_.province, config_.listen, server_->port(),
               journal_->last_ordinal(), config_.cities.size());
  return absl::OkStatus();
}

void RunningAggregator::Tick() {
  for (int i = 0; !stopping_; ++i) {
    std::this_thread::sleep_for(kTick);
    if (i % 10 != 0) continue;
    guard_->answers().EndUnread(std::chrono::steady_clock::now());
    if (i % kTicksPerHour == 0) RenewCertificate();
    Look();
    SignOwnLog();
    // Those of a minute in which the log is held wait until it is not.
    if (own_head_->hold_reason().empty()) guard_->WriteRefusals(/*all=*/false);
  }
}

void RunningAggregator::RenewCertificate() {
  if (authority_ == nullptr) return;
  const auto renewed = authority_->RenewOwn(config_.tls);
  if (!renewed.ok()) {
    spdlog::warn("the aggregator's certificate was not renewed: {}",
                 base::Message(renewed.status()));
  } else if (*renewed) {
    spdlog::info(
        "certificate renewed: days={}; tokens that were given out name the old "
        "one, give new ones",
        kServerCertificateDays);
  }
}

// What hinders signing is said once, and shown by the status.
void RunningAggregator::SignOwnLog() {
  const absl::Status status = own_head_->Sign().status();
  if (status == sign_status_) return;
  sign_status_ = status;
  if (!status.ok())
    spdlog::error("nothing is signed: {}", base::Describe(status));
}

ProvinceFacts RunningAggregator::Facts() {
  ProvinceFacts facts;
  facts.time_us = clock_.NowMicros();
  facts.machine = alarms::LookAtMachine(config_.data, config_.tls.certificate,
                                        facts.time_us);
  facts.machine.reserve_bytes = ledger::kDiskReserveBytes;
  facts.machine.volume_warning = volume_warning_;
  facts.journal = writer_->queue();
  facts.apply_status = applier_->status();
  facts.apply_steps = applier_->steps();
  facts.applied = applier_->position();
  facts.journal_ordinal = journal_->last_ordinal();
  facts.log_problem = own_head_->problem();
  facts.log_held = !own_head_->hold_reason().empty();
  for (const uint32_t city : cities_.cities()) {
    CityFacts& one = facts.cities[city];
    one.news = cities_.News(city);
    const auto copy = journal_->City(city);
    if (copy.ok()) one.durable = copy->range.size();
  }
  return facts;
}

void RunningAggregator::Look() {
  const ProvinceFacts facts = Facts();
  board_.Look(alarms_.Look(facts, steady_clock_.NowMicros()));
  if (!gauges_.has_value()) gauges_.emplace(registry_.get());
  gauges_->Show(facts, own_head_->mirror(), alarms_.machine().disk_days());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Aggregator>> Aggregator::Start(
    const AggregatorConfig& config, bool rebuild_state) {
  auto aggregator = std::make_unique<RunningAggregator>(config);
  RETURN_IF_ERROR(aggregator->Open(rebuild_state));
  return aggregator;
}

}  // namespace tongchou::aggregator
