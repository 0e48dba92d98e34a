// Answers from the unified database; tongchou/v1/query.proto says what each
// call promises.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "aggregator/journal/journal.h"
#include "aggregator/service/access_guard.h"
#include "aggregator/service/authority.h"
#include "aggregator/service/city_table.h"
#include "aggregator/service/mask.h"
#include "aggregator/service/own_head.h"
#include "aggregator/state/applier.h"
#include "aggregator/state/unified_state.h"
#include "common/alarms/alarm_board.h"
#include "tongchou/v1/query.grpc.pb.h"

namespace tongchou::aggregator {

inline constexpr uint32_t kPageSizeDefault = 100;
inline constexpr uint32_t kPageSizeMax = 1'000;
// A call waits so long, at most, for what it asks to be reflected.
inline constexpr auto kAtLeastWait = std::chrono::seconds(5);
// Cities that one call names for that.
inline constexpr int kAtLeastMax = 64;

struct ProvinceParts {
  std::string province;
  std::string volume_warning;  // about the data's volume; empty = none
  Journal* journal = nullptr;
  UnifiedState* state = nullptr;
  const Applier* applier = nullptr;
  CityTable* cities = nullptr;
  base::Clock* clock = nullptr;
  AccessGuard* guard = nullptr;
  OwnHead* own_head = nullptr;
  const Masker* masker = nullptr;
  const Authority* authority = nullptr;  // null: there is none here
  std::string certificate;               // the aggregator's own, a path
  const alarms::AlarmBoard* alarms = nullptr;
};

// The basis of an answer that reflects `position`.
absl::StatusOr<v1::AnswerBasis> MakeBasis(const ProvinceParts& parts,
                                          const Position& position);
// UNAVAILABLE, with progress, until the database has caught up after a start.
absl::Status CheckReady(const ProvinceParts& parts);

// Thread-safe.
class QueryService final : public v1::Query::Service {
 public:
  explicit QueryService(ProvinceParts parts) : parts_(std::move(parts)) {}

  grpc::Status GetStatus(grpc::ServerContext* context,
                         const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override;
  grpc::Status GetIndicators(
      grpc::ServerContext* context, const v1::GetIndicatorsRequest* request,
      grpc::ServerWriter<v1::GetIndicatorsResponse>* writer) override;
  grpc::Status GetPerson(grpc::ServerContext* context,
                         const v1::GetPersonRequest* request,
                         v1::GetPersonResponse* response) override;
  grpc::Status ListRecords(grpc::ServerContext* context,
                           const v1::ListRecordsRequest* request,
                           v1::ListRecordsResponse* response) override;
  grpc::Status GetRecordHistory(
      grpc::ServerContext* context, const v1::GetRecordHistoryRequest* request,
      v1::GetRecordHistoryResponse* response) override;

 private:
  void FillOwnLog(v1::ProvinceLogStatus* status) const;
  absl::Status DoStatus(const v1::GetStatusRequest& request,
                        v1::GetStatusResponse* response) const;
  absl::Status DoIndicators(
      const v1::GetIndicatorsRequest& request,
      const transport::Answers<v1::GetIndicatorsResponse>& answers) const;
  // Writes down who was given which records; then masks them where they must
  // be. Only after OK the answer may leave.
  template <typename Request, typename Rows>
  absl::Status Disclose(const transport::Caller& caller, std::string_view call,
                        const Request& request, Rows* rows) const;
  absl::Status DoPerson(const transport::Caller& caller,
                        v1::GetPersonRequest request,
                        v1::GetPersonResponse* response) const;
  absl::Status DoList(const transport::Caller& caller,
                      v1::ListRecordsRequest request,
                      v1::ListRecordsResponse* response) const;
  absl::Status DoHistory(const transport::Caller& caller,
                         const v1::GetRecordHistoryRequest& request,
                         v1::GetRecordHistoryResponse* response) const;

  const ProvinceParts parts_;
};

}  // namespace tongchou::aggregator
