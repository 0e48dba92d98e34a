// Copies for auditors; tongchou/v1/audit.proto says what each call promises.
#pragma once

#include "aggregator/service/query_service.h"
#include "tongchou/v1/audit.grpc.pb.h"

namespace tongchou::aggregator {

// Thread-safe.
class AuditService final : public v1::Audit::Service {
 public:
  explicit AuditService(ProvinceParts parts) : parts_(std::move(parts)) {}

  grpc::Status ListLogs(grpc::ServerContext* context,
                        const v1::ListLogsRequest* request,
                        v1::ListLogsResponse* response) override;
  grpc::Status ReadLog(
      grpc::ServerContext* context, const v1::ReadLogRequest* request,
      grpc::ServerWriter<v1::ReadLogResponse>* writer) override;
  grpc::Status ReadRecords(
      grpc::ServerContext* context, const v1::ReadRecordsRequest* request,
      grpc::ServerWriter<v1::ReadRecordsResponse>* writer) override;

 private:
  // Admitted, and written down with what was asked.
  absl::StatusOr<transport::Caller> AdmitReader(
      const grpc::ServerContext& context, std::string_view call,
      std::string predicate) const;
  absl::StatusOr<uint32_t> CityOf(const std::string& origin) const;
  absl::Status DoListLogs(v1::ListLogsResponse* response) const;
  absl::Status DoReadLog(
      const v1::ReadLogRequest& request, const grpc::ServerContext& context,
      const transport::Answers<v1::ReadLogResponse>& answers) const;
  absl::Status DoReadRecords(
      const grpc::ServerContext& context,
      const transport::Answers<v1::ReadRecordsResponse>& answers) const;

  const ProvinceParts parts_;
};

}  // namespace tongchou::aggregator
