#include "aggregator/service/exchange_service.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <thread>
#include <utility>

#include "aggregator/service/log_stream.h"
#include "aggregator/service/own_log_feed.h"
#include "common/base/cpu_account.h"
#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/exchange/key_changes.h"
#include "common/ledger/checkpoint.h"
#include "common/transport/grpc_status.h"

namespace tongchou::aggregator {
namespace {

base::CpuAccount verifying("verify");

constexpr auto kHeartbeat = std::chrono::microseconds(1'000'000);

}  // namespace

using Stream = grpc::ServerReaderWriter<v1::ProvinceMessage, v1::NodeMessage>;

// Whose log a stream carries, and how it greets.
struct ExchangePeer {
  uint32_t city = 0;
  bool live = true;  // false: out of a file; no certificate vouches for it
  v1::Hello hello;
  transport::CallPlace place;
};

// What the two threads of a stream and the journal's writer share. Lives until
// nothing of it is in the writer's queue.
class ExchangeSession {
 public:
  ExchangeSession(uint32_t city, bool live, grpc::ServerContext* context,
                  exchange::IngestConfig config,
                  const ledger::LogStore* own_log, OwnHead* own_head)
      : city(city),
        live(live),
        context(context),
        feed(own_log, own_head, city),
        ingest(std::move(config)) {}

  void Push(v1::ProvinceMessage message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    // Of positions without a note the newest says it all.
    if (!outgoing.empty() && outgoing.back().has_ack() &&
        outgoing.back().ack().cosigned_checkpoint().empty() &&
        message.has_ack()) {
      outgoing.pop_back();
    }
    outgoing.push_back(std::move(message));
    if (outgoing.size() > kOutgoingMax && failure.ok()) {
      failure = base::ResourceExhaustedError(
          "the city does not read: {} messages wait for it", kOutgoingMax);
      context->TryCancel();
    }
    changed.NotifyAll();
  }
  void Fail(const absl::Status& why) {
    base::MutexLock lock(mutex);
    if (failure.ok()) failure = why;
    context->TryCancel();
    changed.NotifyAll();
  }
  void Durable(uint64_t size, const std::string& note, uint64_t applied,
               int64_t now_us) {
    base::MutexLock lock(mutex);
    v1::ProvinceMessage message;
    *message.mutable_ack() = ingest.OnDurable(size, note, applied, now_us);
    Push(std::move(message));
  }
  void Applied(uint64_t size, int64_t now_us) {
    base::MutexLock lock(mutex);
    if (!greeted) return;
    v1::ProvinceMessage message;
    *message.mutable_ack() = ingest.OnApplied(size, now_us);
    Push(std::move(message));
  }

  const uint32_t city;
  const bool live;  // false: out of a file
  grpc::ServerContext* const context;
  OwnLogFeed feed;  // the writing thread's, once greeted
  base::Mutex mutex;
  base::CondVar changed;
  exchange::Ingest ingest ABSL_GUARDED_BY(mutex);
  std::deque<v1::ProvinceMessage> outgoing ABSL_GUARDED_BY(mutex);
  bool greeted ABSL_GUARDED_BY(mutex) = false;
  bool ended ABSL_GUARDED_BY(mutex) = false;
  absl::Status failure ABSL_GUARDED_BY(mutex);
};

namespace {

// The city whose node is calling; kept as long as the call.
struct CallingCity {
  uint32_t number = 0;
  transport::CallPlace place;
};

absl::StatusOr<CallingCity> AdmitCity(AccessGuard* guard,
                                      const grpc::ServerContext& context,
                                      std::string_view call) {
  ASSIGN_OR_RETURN(transport::Caller caller, guard->Admit(context, call));
  const std::string& division = caller.identity.division;
  CallingCity city;
  city.place = std::move(caller.place);
  std::from_chars(division.data(), division.data() + division.size(),
                  city.number);
  return city;
}

absl::StatusOr<v1::Hello> ReadHello(Stream* stream) {
  v1::NodeMessage message;
  if (!stream->Read(&message)) {
    return base::AbortedError("the stream ended before Hello");
  }
  if (!message.has_hello()) {
    return base::InvalidArgumentError("a stream starts with Hello");
  }
  return std::move(*message.mutable_hello());
}

// A piece of the province's own log, if there is one.
absl::Status Feed(ExchangeSession* session, Stream* stream) {
  {
    base::MutexLock lock(session->mutex);
    if (!session->greeted || session->ended) return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(auto piece, session->feed.Next());
  if (!piece.has_value()) return absl::OkStatus();
  v1::ProvinceMessage message;
  *message.mutable_log() = *std::move(piece);
  stream->Write(message);  // the next write finds a stream that ended
  return absl::OkStatus();
}

// Sends what is there; a sign of life with the positions once a second.
void WriteLoop(ExchangeSession* session, Stream* stream,
               const std::function<uint64_t()>& applied_size,
               AccessGuard* guard, base::Clock* clock) {
  transport::PeerWatch watch = guard->Watch(*session->context);
  while (true) {
    const absl::Status admitted = watch.Check();
    if (!admitted.ok()) return session->Fail(admitted);
    const absl::Status fed = Feed(session, stream);
    if (!fed.ok()) return session->Fail(fed);
    v1::ProvinceMessage message;
    const uint64_t applied = applied_size();
    {
      base::MutexLock lock(session->mutex);
      if (session->outgoing.empty() && !session->ended &&
          !session->changed.WaitFor(session->mutex, kHeartbeat) &&
          session->greeted && session->outgoing.empty()) {
        v1::ProvinceMessage life;
        *life.mutable_ack() =
            session->ingest.OnApplied(applied, clock->NowMicros());
        session->Push(std::move(life));
      }
      if (session->outgoing.empty() && !session->ended) continue;
      if (session->outgoing.empty()) return;
      message = std::move(session->outgoing.front());
      session->outgoing.pop_front();
      // Of several acknowledgements the last says it all, but each may carry a
      // note; those without one are dropped.
      while (!session->outgoing.empty() && message.has_ack() &&
             message.ack().cosigned_checkpoint().empty()) {
        message = std::move(session->outgoing.front());
        session->outgoing.pop_front();
      }
    }
    if (!stream->Write(message)) return;
  }
}

}  // namespace

uint64_t ExchangeService::AppliedSize(uint32_t city) const {
  base::MutexLock lock(mutex_);
  const auto found = applied_.find(city);
  return found == applied_.end() ? 0 : found->second;
}

void ExchangeService::Applied(const Position& position) {
  base::MutexLock lock(mutex_);
  for (const auto& [city, one] : position.cities) {
    uint64_t& applied = applied_[city];
    if (applied == one.size) continue;
    applied = one.size;
    const auto session = sessions_.find(city);
    if (session != sessions_.end()) {
      session->second->Applied(one.size, clock_.NowMicros());
    }
  }
}

absl::StatusOr<v1::Hello> ExchangeService::AwaitHello(
    grpc::ServerContext* context, Stream* stream, uint32_t city) {
  {
    base::MutexLock lock(mutex_);
    const auto [waiting, first] = waiting_.try_emplace(city, context);
    if (!first) std::exchange(waiting->second, context)->TryCancel();
  }
  auto hello = ReadHello(stream);
  base::MutexLock lock(mutex_);
  const auto waiting = waiting_.find(city);
  if (waiting != waiting_.end() && waiting->second == context) {
    waiting_.erase(waiting);
  }
  return hello;
}

void ExchangeService::Replace(uint32_t city, ExchangeSession* session) {
  base::MutexLock lock(mutex_);
  while (true) {
    const auto old = sessions_.find(city);
    if (old == sessions_.end()) break;
    old->second->Fail(base::AbortedError("a newer stream of this city"));
    changed_.WaitFor(mutex_, kHeartbeat);
  }
  sessions_[city] = session;
}

void ExchangeService::EndSession(uint32_t city) {
  base::MutexLock lock(mutex_);
  const auto found = sessions_.find(city);
  if (found == sessions_.end()) return;
  found->second->Fail(
      base::AbortedError("the city's keys changed; begin again"));
}

void ExchangeService::Leave(uint32_t city, ExchangeSession* session) {
  writer_.WaitFor(city);
  base::MutexLock lock(mutex_);
  const auto found = sessions_.find(city);
  if (found != sessions_.end() && found->second == session) {
    sessions_.erase(found);
  }
  changed_.NotifyAll();
}

// What the city knows of the province's log counts also while that is held.
absl::Status ExchangeService::CheckNotHeld(const v1::Hello& hello) {
  if (own_head_.hold_reason().empty()) return absl::OkStatus();
  if (!hello.province_checkpoint().empty()) {
    own_head_.Met(hello.province_checkpoint()).IgnoreError();
  }
  const std::string reason = own_head_.hold_reason();
  if (reason.empty()) return absl::OkStatus();
  return base::UnavailableError(
      "the province takes nothing yet: its own log is held: {}; the node tries "
      "again by itself",
      reason);
}

absl::Status ExchangeService::CheckHello(ExchangeSession* session,
                                         const v1::Hello& hello) {
  RETURN_IF_ERROR(CheckNotHeld(hello));
  ASSIGN_OR_RETURN(const exchange::CityCopy copy, journal_.City(session->city));
  base::MutexLock lock(session->mutex);
  return session->ingest.CheckHello(hello, copy);
}

absl::Status ExchangeService::Greet(ExchangeSession* session, v1::Hello hello) {
  const uint32_t city = session->city;
  ASSIGN_OR_RETURN(exchange::CityCopy copy, journal_.City(city));
  copy.applied_size = AppliedSize(city);
  const int64_t now = clock_.NowMicros();
  if (!session->live) {
    // No signature covers it, and an older file is not a node behind its past.
    hello.set_committed_size(
        std::max(hello.committed_size(), copy.range.size()));
    hello.set_follows_province(false);
  }
  base::MutexLock lock(session->mutex);
  auto welcome = session->ingest.OnHello(
      hello, copy, [&](uint64_t size) { return journal_.RootAt(city, size); },
      now);
  if (!welcome.ok()) {
    RETURN_IF_ERROR(KeepEvidence(*session));
    return welcome.status();
  }
  if (session->live) {
    const v1::Incarnation incarnation = session->ingest.incarnation();
    RETURN_IF_ERROR(journal_.PutIncarnation(city, incarnation.counter(),
                                            incarnation.nonce()));
    // Not heard of: its signed head may be an old one, shown by anybody.
    cities_.Connected(city, hello.committed_size(), now);
  }
  session->feed.Begin(hello);
  session->greeted = true;
  v1::ProvinceMessage answer;
  *answer.mutable_welcome() = *std::move(welcome);
  session->Push(std::move(answer));
  spdlog::info("exchange: city={} {} committed={} durable={}", city,
               session->live ? "connected" : "out of a file",
               hello.committed_size(), copy.range.size());
  return absl::OkStatus();
}

// What shows that the city contradicts itself ends its stream for good.
absl::Status ExchangeService::KeepEvidence(const ExchangeSession& session) {
  const auto& evidence = session.ingest.evidence();
  if (!evidence.has_value()) return absl::OkStatus();
  RETURN_IF_ERROR(
      journal_.Quarantine(session.city, evidence->explanation, *evidence));
  cities_.Quarantined(session.city, evidence->explanation);
  return absl::OkStatus();
}

absl::Status ExchangeService::TakeBatch(ExchangeSession* session,
                                        const v1::Batch& batch) {
  auto verified = session->ingest.OnBatch(batch);
  if (!verified.ok()) {
    RETURN_IF_ERROR(KeepEvidence(*session));
    return verified.status();
  }
  if (session->live) cities_.Heard(session->city, clock_.NowMicros());
  std::vector<ledger::KeyChange> key_changes = verified->key_changes;
  writer_.Submit(
      session->city, *std::move(verified), session->ingest.incarnation(),
      [this, session, key_changes = std::move(key_changes)](
          const absl::Status& written, uint64_t size, const std::string& note) {
        if (!written.ok()) return session->Fail(written);
        cities_.Changed(session->city, key_changes);
        session->Durable(size, note, AppliedSize(session->city),
                         clock_.NowMicros());
      });
  return absl::OkStatus();
}

absl::Status ExchangeService::TakeHeartbeat(ExchangeSession* session,
                                            const v1::Heartbeat& heartbeat,
                                            int64_t now_us) {
  ASSIGN_OR_RETURN(const auto life,
                   session->ingest.OnHeartbeat(heartbeat, now_us));
  if (!session->live) return absl::OkStatus();
  cities_.Clock(session->city, life.time_us - now_us);
  cities_.Heard(session->city, now_us);
  return absl::OkStatus();
}

absl::Status ExchangeService::Handle(ExchangeSession* session,
                                     const v1::NodeMessage& message) {
  const base::CpuScope scope(verifying);
  const uint32_t city = session->city;
  const int64_t now = clock_.NowMicros();
  base::MutexLock lock(session->mutex);
  RETURN_IF_ERROR(session->failure);
  if (message.has_cosigned()) {
    RETURN_IF_ERROR(own_head_.Cosigned(city, message.cosigned().checkpoint()));
  } else if (message.has_heartbeat()) {
    RETURN_IF_ERROR(TakeHeartbeat(session, message.heartbeat(), now));
  } else {
    RETURN_IF_ERROR(TakeBatch(session, message.batch()));
  }
  if (!session->live) return absl::OkStatus();
  cities_.Connected(city,
                    std::max(session->ingest.claimed_committed(),
                             session->ingest.verified_size()),
                    now);
  return absl::OkStatus();
}

// The session before this one may have brought a change to its end.
absl::Status ExchangeService::CheckSameKeys(uint32_t city,
                                            const CityKeys& keys) const {
  ASSIGN_OR_RETURN(const CityKeys now, cities_.KeysOf(city));
  if (now.log.changes() == keys.log.changes() &&
      now.replacements == keys.replacements) {
    return absl::OkStatus();
  }
  return base::AbortedError("the city's keys changed; begin again");
}

absl::Status ExchangeService::Serve(grpc::ServerContext* context,
                                    Stream* stream) {
  ASSIGN_OR_RETURN(CallingCity calling,
                   AdmitCity(&guard_, *context, "Exchange.Replicate"));
  ExchangePeer peer;
  peer.city = calling.number;
  peer.place = std::move(calling.place);
  ASSIGN_OR_RETURN(peer.hello, AwaitHello(context, stream, peer.city));
  return RunSession(context, stream, peer);
}

absl::Status ExchangeService::ServeImport(grpc::ServerContext* context,
                                          Stream* stream) {
  ASSIGN_OR_RETURN(transport::Caller caller,
                   guard_.Admit(*context, "ProvinceTransfer.Import"));
  ExchangePeer peer;
  peer.live = false;
  peer.place = std::move(caller.place);
  ASSIGN_OR_RETURN(peer.hello, ReadHello(stream));
  const std::string& origin = peer.hello.origin();
  for (const uint32_t city : cities_.cities()) {
    if (ledger::CityOrigin(province_, city) == origin) peer.city = city;
  }
  if (peer.city == 0) {
    return base::PermissionDeniedError(
        "{}: not configured here; add its key under [cities]", origin);
  }
  return RunSession(context, stream, peer);
}

absl::Status ExchangeService::RunSession(grpc::ServerContext* context,
                                         Stream* stream,
                                         const ExchangePeer& peer) {
  ASSIGN_OR_RETURN(const CityKeys keys, cities_.KeysOf(peer.city));
  const absl::Status status = Converse(context, stream, peer, keys);
  if (status.ok()) return status;
  if (peer.live) cities_.Problem(peer.city, std::string(base::Message(status)));
  spdlog::warn("exchange: city={} ended: {}", peer.city,
               base::Describe(status));
  return status;
}

absl::Status ExchangeService::Converse(grpc::ServerContext* context,
                                       Stream* stream, const ExchangePeer& peer,
                                       const CityKeys& keys) {
  const uint32_t city = peer.city;
  ExchangeSession session(
      city, peer.live, context,
      {city, ledger::CityOrigin(province_, city), keys.log, writer_.witness(),
       keys.replacements, /*from_file=*/!peer.live},
      &journal_.own_log(), &own_head_);
  RETURN_IF_ERROR(CheckHello(&session, peer.hello));
  Replace(city, &session);
  absl::Status status = CheckSameKeys(city, keys);
  if (status.ok()) status = Greet(&session, peer.hello);
  std::thread writer([&] {
    WriteLoop(
        &session, stream, [&] { return AppliedSize(city); }, &guard_, &clock_);
  });
  v1::NodeMessage message;
  while (status.ok() && stream->Read(&message)) {
    status = Handle(&session, message);
  }
  Leave(city, &session);
  {
    base::MutexLock lock(session.mutex);
    session.ended = true;
    if (status.ok()) status = session.failure;
    session.changed.NotifyAll();
  }
  writer.join();
  return status;
}

grpc::Status ExchangeService::Replicate(grpc::ServerContext* context,
                                        Stream* stream) {
  return transport::ToGrpc(Serve(context, stream));
}

grpc::Status ExchangeService::Import(grpc::ServerContext* context,
                                     Stream* stream) {
  return transport::ToGrpc(ServeImport(context, stream));
}

absl::Status ExchangeService::CheckSilent(uint32_t city) const {
  const int64_t heard = cities_.News(city).connected_us;
  const int64_t now = clock_.NowMicros();
  if (heard == 0 || now < heard || now - heard >= kSilenceMicros) {
    return absl::OkStatus();
  }
  return base::UnavailableError(
      "a node of {:06} was heard of {:.1f} s ago: its log goes back to it when "
      "it has been silent for {} s; if another machine runs it, stop one of "
      "the two",
      city, static_cast<double>(now - heard) / base::kMicrosPerSecond,
      kSilenceMicros / base::kMicrosPerSecond);
}

absl::Status ExchangeService::DoReadBack(
    const grpc::ServerContext& context, uint32_t city, uint64_t from,
    const transport::Answers<v1::ReadBackResponse>& answers) {
  RETURN_IF_ERROR(CheckSilent(city));
  ASSIGN_OR_RETURN(const exchange::CityCopy copy, journal_.City(city));
  const uint64_t size = copy.range.size();
  if (size == 0) {
    return base::NotFoundError("the province holds nothing of {:06}", city);
  }
  v1::ReadBackResponse response;
  response.set_size(size);
  response.set_incarnation_counter(copy.incarnation_counter);
  ASSIGN_OR_RETURN(const CityKeys keys, cities_.KeysOf(city));
  *response.mutable_key_changes() =
      exchange::MakeKeyChanges(keys.log.changes());
  if (from >= size) response.add_checkpoints(copy.checkpoint);
  if (!answers.Write(response)) return base::AbortedError("the node went away");
  if (from >= size) return absl::OkStatus();
  return StreamLog(
      *CityLogSource(journal_, city), from, size, answers,
      [watch = guard_.Watch(context)]() mutable { return watch.Check(); });
}

grpc::Status ExchangeService::ReadBack(
    grpc::ServerContext* context, const v1::ReadBackRequest* request,
    grpc::ServerWriter<v1::ReadBackResponse>* writer) {
  const auto city = AdmitCity(&guard_, *context, "Exchange.ReadBack");
  if (!city.ok()) return transport::ToGrpc(city.status());
  const absl::Status status =
      DoReadBack(*context, city->number, request->from_size(),
                 {&guard_.answers(), context, writer});
  spdlog::info("exchange: city={} read its log back: from={} {}", city->number,
               request->from_size(),
               status.ok() ? "to its end" : base::Describe(status));
  return transport::ToGrpc(status);
}

grpc::Status ExchangeService::RenewCertificate(
    grpc::ServerContext* context, const v1::RenewCertificateRequest* request,
    v1::RenewCertificateResponse* response) {
  const auto run = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const CallingCity calling,
                     AdmitCity(&guard_, *context, "Exchange.RenewCertificate"));
    const uint32_t city = calling.number;
    if (authority_ == nullptr) {
      return base::FailedPreconditionError(
          "the province issues no certificates here; have one issued by hand");
    }
    if (static_cast<size_t>(request->hosts_size()) > kJoinHostsMax) {
      return base::InvalidArgumentError("a node has at most {} names",
                                        kJoinHostsMax);
    }
    ASSIGN_OR_RETURN(
        *response->mutable_certificate(),
        authority_->Issue(province_, fmt::format("{:06}", city),
                          request->certificate_request(),
                          {request->hosts().begin(), request->hosts().end()}));
    spdlog::info("exchange: city={:06} renewed its certificate", city);
    return absl::OkStatus();
  };
  return transport::ToGrpc(run());
}

}  // namespace tongchou::aggregator
