#include "aggregator/service/audit_service.h"

#include "aggregator/service/log_stream.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/transport/grpc_status.h"
#include "common/transport/peer.h"

namespace tongchou::aggregator {
namespace {

constexpr size_t kMessageBytesTarget = 1 << 20;

}  // namespace

absl::Status AuditService::CheckCaller(
    const grpc::ServerContext& context) const {
  ASSIGN_OR_RETURN(const base::Identity peer, transport::PeerIdentity(context));
  if (peer.role != base::Role::kAuditor && peer.role != base::Role::kOfficer) {
    return base::PermissionDeniedError(
        "logs are copied by auditors and officers, not by {} of {}",
        base::RoleName(peer.role), peer.division);
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> AuditService::CityOf(const std::string& origin) const {
  for (const uint32_t city : parts_.journal->cities()) {
    if (ledger::CityOrigin(parts_.province, city) == origin) return city;
  }
  return base::NotFoundError("the province holds no log {}", origin);
}

grpc::Status AuditService::ListLogs(grpc::ServerContext* context,
                                    const v1::ListLogsRequest*,
                                    v1::ListLogsResponse* response) {
  const auto run = [&]() -> absl::Status {
    RETURN_IF_ERROR(CheckCaller(*context));
    for (const uint32_t city : parts_.journal->cities()) {
      ASSIGN_OR_RETURN(const exchange::CityCopy copy,
                       parts_.journal->City(city));
      if (copy.range.size() == 0) continue;
      v1::LogSummary* log = response->add_logs();
      log->set_city(city);
      log->set_origin(ledger::CityOrigin(parts_.province, city));
      log->set_size(copy.range.size());
      log->set_checkpoint(copy.checkpoint);
    }
    return absl::OkStatus();
  };
  return transport::ToGrpc(run());
}

absl::Status AuditService::DoReadLog(
    const v1::ReadLogRequest& request,
    grpc::ServerWriter<v1::ReadLogResponse>* writer) const {
  ASSIGN_OR_RETURN(const uint32_t city, CityOf(request.origin()));
  ASSIGN_OR_RETURN(const exchange::CityCopy copy, parts_.journal->City(city));
  const uint64_t size = copy.range.size();
  if (request.from_size() > size) {
    return base::OutOfRangeError("{} has {} entries, not {}", request.origin(),
                                 size, request.from_size());
  }
  const uint64_t to = request.to_size() == 0 ? size : request.to_size();
  return StreamLog(*parts_.journal, city, request.from_size(), to, writer);
}

grpc::Status AuditService::ReadLog(
    grpc::ServerContext* context, const v1::ReadLogRequest* request,
    grpc::ServerWriter<v1::ReadLogResponse>* writer) {
  absl::Status status = CheckCaller(*context);
  if (status.ok()) status = DoReadLog(*request, writer);
  return transport::ToGrpc(status);
}

absl::Status AuditService::DoReadRecords(
    grpc::ServerWriter<v1::ReadRecordsResponse>* writer) const {
  RETURN_IF_ERROR(CheckReady(parts_));
  const auto snapshot = parts_.state->Snapshot();
  ASSIGN_OR_RETURN(const Position position, snapshot->ReadPosition());
  v1::ReadRecordsResponse response;
  ASSIGN_OR_RETURN(*response.mutable_basis(), MakeBasis(parts_, position));
  size_t bytes = 0;
  absl::Status status;
  RETURN_IF_ERROR(snapshot->Scan(
      "R", {}, [&](std::string_view key, std::string_view value) {
        auto version = DecodeVersion(value);
        status = version.status();
        if (!status.ok() || version->deleted) return status.ok();
        const RowKey parsed = ParseRowKey(key);
        v1::StoredRecord* record = response.add_records();
        record->set_city(parsed.city);
        record->set_key(std::string(parsed.record_key));
        record->set_sequence(version->sequence);
        bytes += key.size() + value.size();
        record->set_record(std::string(version->record));
        if (bytes < kMessageBytesTarget) return true;
        bytes = 0;
        const bool sent = writer->Write(response);
        response.Clear();
        return sent;
      }));
  RETURN_IF_ERROR(status);
  writer->Write(response);
  return absl::OkStatus();
}

grpc::Status AuditService::ReadRecords(
    grpc::ServerContext* context, const v1::ReadRecordsRequest*,
    grpc::ServerWriter<v1::ReadRecordsResponse>* writer) {
  absl::Status status = CheckCaller(*context);
  if (status.ok()) status = DoReadRecords(writer);
  return transport::ToGrpc(status);
}

}  // namespace tongchou::aggregator
