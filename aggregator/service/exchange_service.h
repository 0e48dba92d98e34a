// The province's end of replication over gRPC: one session per city, a reading
// and a writing thread each, around the state machine of common/exchange.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "aggregator/journal/journal.h"
#include "aggregator/service/access_guard.h"
#include "aggregator/service/authority.h"
#include "aggregator/service/city_table.h"
#include "aggregator/service/journal_writer.h"
#include "aggregator/service/own_head.h"
#include "aggregator/state/unified_state.h"
#include "common/base/mutex.h"
#include "tongchou/v1/exchange.grpc.pb.h"
#include "tongchou/v1/transfer.grpc.pb.h"

namespace tongchou::aggregator {

// Messages that wait for a city which does not read; more end its stream.
inline constexpr size_t kOutgoingMax = 1'000;
// So long nothing comes over a city's stream before it gets its log back: a few
// signs of life of a node that is still there.
inline constexpr int64_t kSilenceMicros = 3 * base::kMicrosPerSecond;

class ExchangeSession;
struct ExchangePeer;

// Thread-safe.
class ExchangeService final : public v1::Exchange::Service,
                              public v1::ProvinceTransfer::Service {
 public:
  ExchangeService(std::string province, Journal* journal, JournalWriter* writer,
                  CityTable* cities, AccessGuard* guard, OwnHead* own_head,
                  const Authority* authority, base::Clock* clock)
      : province_(std::move(province)),
        journal_(*journal),
        writer_(*writer),
        cities_(*cities),
        guard_(*guard),
        own_head_(*own_head),
        authority_(authority),
        clock_(*clock) {}

  grpc::Status Replicate(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::ProvinceMessage, v1::NodeMessage>* stream)
      override;
  grpc::Status ReadBack(
      grpc::ServerContext* context, const v1::ReadBackRequest* request,
      grpc::ServerWriter<v1::ReadBackResponse>* writer) override;

  grpc::Status Import(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::ProvinceMessage, v1::NodeMessage>* stream)
      override;

  grpc::Status RenewCertificate(
      grpc::ServerContext* context, const v1::RenewCertificateRequest* request,
      v1::RenewCertificateResponse* response) override;

  // The city's stream, if there is one, ends: it begins again under what is
  // known now.
  void EndSession(uint32_t city);

  // The unified database has moved on.
  void Applied(const Position& position);

 private:
  absl::Status Serve(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::ProvinceMessage, v1::NodeMessage>* stream);
  absl::Status ServeImport(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::ProvinceMessage, v1::NodeMessage>* stream);
  absl::Status RunSession(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::ProvinceMessage, v1::NodeMessage>* stream,
      const ExchangePeer& peer);
  absl::Status Converse(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::ProvinceMessage, v1::NodeMessage>* stream,
      const ExchangePeer& peer, const CityKeys& keys);
  absl::Status DoReadBack(
      const grpc::ServerContext& context, uint32_t city, uint64_t from,
      const transport::Answers<v1::ReadBackResponse>& answers);
  // UNAVAILABLE while a node of the city is there: a log goes back to nobody
  // beside it.
  absl::Status CheckSilent(uint32_t city) const;
  absl::Status KeepEvidence(const ExchangeSession& session)
      ABSL_NO_THREAD_SAFETY_ANALYSIS;  // the session's mutex is held
  absl::Status TakeBatch(ExchangeSession* session,
                         const v1::Batch& batch) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  absl::Status TakeHeartbeat(ExchangeSession* session,
                             const v1::Heartbeat& heartbeat,
                             int64_t now_us) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  absl::Status CheckSameKeys(uint32_t city, const CityKeys& keys) const;
  absl::Status Handle(ExchangeSession* session, const v1::NodeMessage& message);
  absl::Status CheckNotHeld(const v1::Hello& hello);
  // The first message of a city's stream. Of the streams that have sent none
  // the newest stays: they could take all the places that a city has.
  absl::StatusOr<v1::Hello> AwaitHello(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::ProvinceMessage, v1::NodeMessage>* stream,
      uint32_t city);
  // Whether the session may take the place of another one.
  absl::Status CheckHello(ExchangeSession* session, const v1::Hello& hello);
  absl::Status Greet(ExchangeSession* session, v1::Hello hello);
  // Ends an older session of the city and waits until it is gone.
  void Replace(uint32_t city, ExchangeSession* session);
  void Leave(uint32_t city, ExchangeSession* session);
  uint64_t AppliedSize(uint32_t city) const;

  const std::string province_;
  Journal& journal_;
  JournalWriter& writer_;
  CityTable& cities_;
  AccessGuard& guard_;
  OwnHead& own_head_;
  const Authority* const authority_;  // null: there is none here
  base::Clock& clock_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::map<uint32_t, ExchangeSession*> sessions_ ABSL_GUARDED_BY(mutex_);
  // Streams whose Hello is awaited.
  std::map<uint32_t, grpc::ServerContext*> waiting_ ABSL_GUARDED_BY(mutex_);
  std::map<uint32_t, uint64_t> applied_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tongchou::aggregator
