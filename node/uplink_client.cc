#include "node/uplink_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "common/base/big_endian.h"
#include "common/base/cpu_account.h"
#include "common/base/logging.h"
#include "common/base/mutex.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/base/thread_name.h"
#include "common/transport/channel.h"
#include "common/transport/grpc_status.h"
#include "node/local_facts.h"
#include "node/uplink_log.h"
#include "tongchou/v1/exchange.grpc.pb.h"

namespace tongchou::node {
namespace {

base::CpuAccount shipping("ship");

constexpr auto kRetryMin = std::chrono::milliseconds(100);
constexpr auto kRetryMax = std::chrono::milliseconds(1'000);
// What stands between a fork, a clone or an old copy and the next try.
constexpr auto kRefusedRetry = std::chrono::milliseconds(10'000);

class Client final : public UplinkClient {
 public:
  Client(const NodeConfig& config, ledger::LogStore* log,
         ledger::HeadSigner* signer, ProvinceView* province, base::Clock* clock,
         exchange::UplinkConfig uplink, bool ever_welcomed,
         uint64_t acknowledged, std::shared_ptr<grpc::Channel> channel)
      : config_(config),
        signer_(*signer),
        province_(*province),
        clock_(*clock),
        uplink_config_(std::move(uplink)),
        adapter_(log, signer),
        log_(*log),
        ever_welcomed_(ever_welcomed),
        channel_(std::move(channel)),
        positions_{.durable = acknowledged},
        thread_([this] { Run(); }) {}

  ~Client() override {
    {
      base::MutexLock lock(mutex_);
      stopping_ = true;
      if (context_ != nullptr) context_->TryCancel();
      changed_.NotifyAll();
    }
    thread_.join();
  }

  void Committed(uint64_t size) override {
    base::MutexLock lock(mutex_);
    if (size < due_size_) return;
    woken_ = true;
    changed_.NotifyAll();
  }
  UplinkStatus status() const override {
    base::MutexLock lock(mutex_);
    return {positions_, state_, clock_offset_us_};
  }
  std::string commit_problem() const override {
    base::MutexLock lock(mutex_);
    return commit_problem_;
  }
  bool ever_welcomed() const override { return ever_welcomed_; }
  absl::Status Export(std::optional<uint64_t> from,
                      const TakeMessage& take) override;
  absl::StatusOr<uint64_t> Accept(
      const v1::Acknowledgement& acknowledgement) override;

 private:
  using Stream = grpc::ClientReaderWriter<v1::NodeMessage, v1::ProvinceMessage>;

  void Run();
  absl::Status RunStream();
  void Reconnect();
  exchange::UplinkConfig FreshConfig();
  void ReadLoop(Stream* stream, exchange::Uplink* uplink);
  absl::Status WriteLoop(Stream* stream, exchange::Uplink* uplink);
  void CompareClocks(const v1::ProvinceMessage& message, int64_t now_us);
  absl::Status KeepWelcomed();
  absl::Status KeepAcknowledged(uint64_t size);
  absl::Status FollowProvince(const v1::ProvinceLog& piece);
  std::optional<v1::NodeMessage> TakeCosigned();
  void SetState(std::string state);
  bool Pause(std::chrono::milliseconds time);

  const NodeConfig config_;
  ledger::HeadSigner& signer_;
  ProvinceView& province_;
  base::Clock& clock_;
  const exchange::UplinkConfig uplink_config_;
  UplinkLogAdapter adapter_;
  ledger::LogStore& log_;
  std::atomic<bool> ever_welcomed_;
  std::shared_ptr<grpc::Channel> channel_;  // the thread's own

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t due_size_ ABSL_GUARDED_BY(mutex_) = 0;  // below: no need to wake
  bool read_ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status read_status_ ABSL_GUARDED_BY(mutex_);
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  exchange::UplinkPositions positions_ ABSL_GUARDED_BY(mutex_);
  int64_t clock_offset_us_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string state_ ABSL_GUARDED_BY(mutex_) = "connecting";
  std::string commit_problem_ ABSL_GUARDED_BY(mutex_);
  std::string cosigned_ ABSL_GUARDED_BY(mutex_);  // not sent yet
  base::Mutex machine_mutex_;  // around every call of the state machine
  std::thread thread_;
};

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(
    const NodeConfig& config) {
  return transport::MakeChannel(config.aggregator, config.tls,
                                {base::Role::kAggregator, config.province});
}

void Client::SetState(std::string state) {
  base::MutexLock lock(mutex_);
  if (state_ == state) return;
  state_ = std::move(state);
  spdlog::info("uplink: province={} state=\"{}\"", config_.aggregator, state_);
}

bool Client::Pause(std::chrono::milliseconds time) {
  base::MutexLock lock(mutex_);
  if (!stopping_) changed_.WaitFor(mutex_, time);
  return !stopping_;
}

void Client::Run() {
  base::NameThread("uplink");
  auto retry = kRetryMin;
  while (true) {
    const absl::Status status = RunStream();
    {
      base::MutexLock lock(mutex_);
      if (stopping_) return;
      // The province cannot take what this log says (an old copy, a clone, a
      // fork, a wrong clock): nothing more is promised here until it can.
      if (absl::IsFailedPrecondition(status)) {
        commit_problem_ = base::Message(status);
      }
      if (positions_.welcomed) retry = kRetryMin;
      positions_.welcomed = false;
    }
    SetState(std::string(base::Message(status)));
    const bool refused =
        absl::IsFailedPrecondition(status) || absl::IsPermissionDenied(status);
    const auto until =
        std::chrono::steady_clock::now() + (refused ? kRefusedRetry : retry);
    while (std::chrono::steady_clock::now() < until) {
      if (!Pause(kRetryMin)) return;
    }
    // The connection still shows the certificate of its beginning; the file
    // may hold a newer one.
    if (absl::IsPermissionDenied(status)) Reconnect();
    retry = std::min(retry * 2, kRetryMax);
  }
}

void Client::Reconnect() {
  auto channel = OpenChannel(config_);
  if (channel.ok()) {
    channel_ = *std::move(channel);
  } else {
    spdlog::warn("uplink: {}", base::Message(channel.status()));
  }
}

exchange::UplinkConfig Client::FreshConfig() {
  exchange::UplinkConfig config = uplink_config_;
  config.checkpoint = signer_.last_note();
  config.follows_province = true;
  config.province_checkpoint = province_.note();
  const auto cosigned = log_.CheckpointAtOrBefore(UINT64_MAX);
  if (cosigned.ok() && cosigned->has_value()) {
    config.cosigned_checkpoint = **cosigned;
  }
  return config;
}

absl::Status Client::RunStream() {
  grpc::ClientContext context;
  {
    base::MutexLock lock(mutex_);
    if (stopping_) return absl::OkStatus();
    context_ = &context;
    read_ended_ = false;
    read_status_ = absl::OkStatus();
  }
  province_.Restart();
  exchange::Uplink uplink(FreshConfig(), &adapter_);
  const auto stub = v1::Exchange::NewStub(channel_);
  const std::unique_ptr<Stream> stream = stub->Replicate(&context);
  std::thread reader([&] { ReadLoop(stream.get(), &uplink); });
  absl::Status status = WriteLoop(stream.get(), &uplink);
  // A stream that the province ended is read to its end: it says why.
  if (!status.ok()) context.TryCancel();
  reader.join();
  const absl::Status finished = transport::FromGrpc(stream->Finish());
  const absl::Status kept = KeepAcknowledged(this->status().positions.durable);
  if (!kept.ok()) spdlog::warn("uplink: {}", base::Message(kept));
  base::MutexLock lock(mutex_);
  context_ = nullptr;
  if (!read_status_.ok()) return read_status_;
  if (!status.ok()) return status;
  return finished;
}

void Client::ReadLoop(Stream* stream, exchange::Uplink* uplink) {
  base::NameThread("uplink-read");
  v1::ProvinceMessage message;
  absl::Status status;
  while (status.ok() && stream->Read(&message)) {
    if (message.has_log()) {
      status = FollowProvince(message.log());
      continue;
    }
    exchange::UplinkPositions positions;
    const int64_t now = clock_.NowMicros();
    CompareClocks(message, now);
    {
      base::MutexLock lock(machine_mutex_);
      status = uplink->OnMessage(message, now);
      positions = uplink->positions();
    }
    if (!status.ok()) break;
    if (message.has_welcome()) {
      status = KeepWelcomed();
      if (!status.ok()) break;
      SetState("connected");
    }
    base::MutexLock lock(mutex_);
    if (message.has_welcome()) commit_problem_.clear();
    positions_ = positions;
    woken_ = true;
    changed_.NotifyAll();
  }
  base::MutexLock lock(mutex_);
  if (!status.ok()) context_->TryCancel();
  read_status_ = status;
  read_ended_ = true;
  changed_.NotifyAll();
}

void Client::CompareClocks(const v1::ProvinceMessage& message, int64_t now_us) {
  if (!message.has_welcome() && !message.has_ack()) return;
  base::MutexLock lock(mutex_);
  clock_offset_us_ =
      (message.has_welcome() ? message.welcome().province_time_us()
                             : message.ack().province_time_us()) -
      now_us;
}

absl::Status Client::KeepWelcomed() {
  if (ever_welcomed_) return absl::OkStatus();
  RETURN_IF_ERROR(log_.PutLocalFact(kWelcomedFact, ""));
  ever_welcomed_ = true;
  return absl::OkStatus();
}

// What a start without the line has to know.
absl::Status Client::KeepAcknowledged(uint64_t size) {
  ASSIGN_OR_RETURN(const uint64_t kept,
                   ReadNumberFact(log_, kAcknowledgedFact));
  if (kept == size) return absl::OkStatus();
  return log_.PutLocalFact(kAcknowledgedFact, NumberFact(size));
}

absl::Status Client::Export(std::optional<uint64_t> from,
                            const TakeMessage& take) {
  UplinkLogAdapter adapter(&log_, &signer_);
  exchange::UplinkConfig config = FreshConfig();
  config.follows_province = false;
  exchange::Uplink uplink(std::move(config), &adapter);
  ASSIGN_OR_RETURN(auto hello, uplink.Next(clock_.NowMicros()));
  // Whoever finds the file must not greet with it.
  hello->mutable_hello()->clear_start();
  const uint64_t committed = hello->hello().committed_size();
  const uint64_t begin = from.value_or(status().positions.durable);
  if (begin > committed) {
    return base::OutOfRangeError("the log has {} entries, not {}", committed,
                                 begin);
  }
  bool goes_on = take(*hello);
  for (uint64_t size = begin; goes_on && size < committed;) {
    v1::NodeMessage message;
    uint64_t end = 0;
    ASSIGN_OR_RETURN(*message.mutable_batch(),
                     adapter.ReadBatch(size, exchange::kBatchBytesMax, &end));
    ASSIGN_OR_RETURN(const ledger::Hash root, adapter.RootAt(end));
    auto note = signer_.Sign(end, root);
    if (size == begin && absl::IsFailedPrecondition(note.status())) break;
    RETURN_IF_ERROR(note.status());
    message.mutable_batch()->set_checkpoint(*std::move(note));
    goes_on = take(message);
    size = end;
  }
  if (goes_on) return absl::OkStatus();
  return base::AbortedError("nobody takes the export any more");
}

absl::StatusOr<uint64_t> Client::Accept(
    const v1::Acknowledgement& acknowledgement) {
  const v1::Incarnation& start = uplink_config_.incarnation;
  const v1::Incarnation& answered = acknowledgement.incarnation();
  const uint64_t size = acknowledgement.welcome().durable_size();
  const UplinkStatus now = status();
  if (acknowledgement.origin() != uplink_config_.origin) {
    return base::PermissionDeniedError(
        "it is of another city: of {}, this node has {}",
        acknowledgement.origin(), uplink_config_.origin);
  }
  if (now.positions.welcomed) {
    return base::FailedPreconditionError(
        "the node is connected to the province and needs no acknowledgement");
  }
  if (answered.counter() != start.counter() ||
      answered.nonce() != start.nonce()) {
    return base::FailedPreconditionError(
        "it answers an export of another start of this node: export again");
  }
  if (size < now.positions.durable) {
    return base::InvalidArgumentError(
        "it is of {} entries, {} were acknowledged before: take the newest",
        size, now.positions.durable);
  }
  UplinkLogAdapter adapter(&log_, &signer_);
  exchange::Uplink uplink(FreshConfig(), &adapter);
  v1::ProvinceMessage message;
  *message.mutable_welcome() = acknowledgement.welcome();
  // It was under way for longer than clocks may differ.
  const int64_t then = message.welcome().province_time_us();
  RETURN_IF_ERROR(uplink.Next(then).status());
  RETURN_IF_ERROR(uplink.OnMessage(message, then));
  RETURN_IF_ERROR(KeepWelcomed());
  RETURN_IF_ERROR(KeepAcknowledged(size));
  base::MutexLock lock(mutex_);
  if (positions_.welcomed) return size;
  positions_.durable = size;
  positions_.applied = uplink.positions().applied;
  return size;
}

absl::Status Client::FollowProvince(const v1::ProvinceLog& piece) {
  ASSIGN_OR_RETURN(std::string cosigned, province_.OnPiece(piece));
  if (cosigned.empty()) return absl::OkStatus();
  base::MutexLock lock(mutex_);
  cosigned_ = std::move(cosigned);
  woken_ = true;
  changed_.NotifyAll();
  return absl::OkStatus();
}

// The newest cosignature that was not sent yet.
std::optional<v1::NodeMessage> Client::TakeCosigned() {
  base::MutexLock lock(mutex_);
  if (cosigned_.empty()) return std::nullopt;
  v1::NodeMessage message;
  message.mutable_cosigned()->set_checkpoint(std::exchange(cosigned_, {}));
  return message;
}

absl::Status Client::WriteLoop(Stream* stream, exchange::Uplink* uplink) {
  while (true) {
    std::optional<v1::NodeMessage> message;
    int64_t due_in = 0;
    uint64_t due_size = 0;
    {
      base::MutexLock lock(machine_mutex_);
      const int64_t now = clock_.NowMicros();
      ASSIGN_OR_RETURN(message, uplink->Next(now));
      due_in = uplink->DueIn(now);
      due_size = uplink->DueSize();
    }
    if (!message.has_value()) message = TakeCosigned();
    if (message.has_value()) {
      const base::CpuScope scope(shipping);
      if (!stream->Write(*message)) {
        return absl::OkStatus();  // Finish says why
      }
      continue;
    }
    base::MutexLock lock(mutex_);
    due_size_ = due_size;
    // What was committed since the machine looked.
    if (log_.Head().size() >= due_size) woken_ = true;
    if (!woken_ && !stopping_ && !read_ended_) {
      changed_.WaitFor(mutex_, std::chrono::microseconds(due_in));
    }
    woken_ = false;
    if (stopping_ || read_ended_) return absl::OkStatus();
  }
}

// One more than the last start's, durable before the first Hello.
absl::StatusOr<v1::Incarnation> NextIncarnation(ledger::LogStore* log) {
  ASSIGN_OR_RETURN(const uint64_t last, ReadNumberFact(*log, kIncarnationFact));
  v1::Incarnation incarnation;
  incarnation.set_counter(last + 1);
  incarnation.set_nonce(base::RandomNumber());
  RETURN_IF_ERROR(
      log->PutLocalFact(kIncarnationFact, NumberFact(incarnation.counter())));
  return incarnation;
}

}  // namespace

absl::StatusOr<std::unique_ptr<UplinkClient>> UplinkClient::Start(
    const NodeConfig& config, ledger::LogStore* log, ledger::HeadSigner* signer,
    ProvinceView* province, base::Clock* clock) {
  exchange::UplinkConfig uplink;
  uplink.origin = config.Origin();
  ASSIGN_OR_RETURN(uplink.province_key,
                   ledger::ParseVerifierKey(config.witness));
  ASSIGN_OR_RETURN(uplink.incarnation, NextIncarnation(log));
  ASSIGN_OR_RETURN(const auto welcomed, log->GetLocalFact(kWelcomedFact));
  ASSIGN_OR_RETURN(const uint64_t acknowledged,
                   ReadNumberFact(*log, kAcknowledgedFact));
  ASSIGN_OR_RETURN(auto channel, OpenChannel(config));
  return std::make_unique<Client>(
      config, log, signer, province, clock, std::move(uplink),
      welcomed.has_value() || log->Head().size() > 0,
      std::min(acknowledged, log->Head().size()), std::move(channel));
}

}  // namespace tongchou::node
