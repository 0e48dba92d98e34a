// New cities; tongchou/v1/join.proto says what the call promises.
#pragma once

#include <functional>
#include <string>

#include "aggregator/service/authority.h"
#include "aggregator/service/query_service.h"
#include "common/base/mutex.h"
#include "common/ledger/note.h"
#include "common/transport/revocations.h"
#include "tongchou/v1/join.grpc.pb.h"

namespace tongchou::aggregator {

// Wrong tokens within a minute, from everybody together.
inline constexpr int kWrongTokensPerMinute = 20;

struct JoinParts {
  std::string province;
  Journal* journal = nullptr;
  CityTable* cities = nullptr;
  OwnHead* own_head = nullptr;
  const Authority* authority = nullptr;
  transport::Revocations* revocations = nullptr;
  base::Clock* clock = nullptr;
  ledger::VerifierKey witness;
  ledger::VerifierKey own_key;
  int aggregator_port = 0;
  // Ends the stream of a city.
  std::function<void(uint32_t)> end_session;
};

// Thread-safe.
class JoinService final : public v1::Join::Service {
 public:
  explicit JoinService(JoinParts parts) : parts_(std::move(parts)) {}

  grpc::Status Join(grpc::ServerContext* context,
                    const v1::JoinRequest* request,
                    v1::JoinResponse* response) override;

 private:
  absl::Status DoJoin(const v1::JoinRequest& request,
                      v1::JoinResponse* response);
  absl::Status CheckRate();
  absl::StatusOr<v1::Invitation> InvitationOf(const base::Hash& token);
  absl::StatusOr<v1::JoinedCity> ReadKeys(const v1::Invitation& invitation,
                                          const v1::JoinRequest& request) const;
  absl::Status AddReplacement(const v1::JoinRequest& request,
                              v1::JoinedCity* joined) const;
  absl::Status MakeKnown(const v1::JoinedCity& joined) const;

  const JoinParts parts_;
  base::Mutex mutex_;
  int64_t minute_ ABSL_GUARDED_BY(mutex_) = 0;
  int wrong_ ABSL_GUARDED_BY(mutex_) = 0;  // in that minute
};

}  // namespace tongchou::aggregator
