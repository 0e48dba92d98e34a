#include "aggregator/service/audit_service.h"

#include "aggregator/service/log_stream.h"
#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/exchange/key_changes.h"
#include "common/ledger/checkpoint.h"
#include "common/transport/grpc_status.h"

namespace tongchou::aggregator {
namespace {

constexpr size_t kMessageBytesTarget = 1 << 20;
// A round of the mirror takes milliseconds.
constexpr auto kMirrorPatience = std::chrono::milliseconds(5'000);

}  // namespace

absl::StatusOr<transport::Caller> AuditService::AdmitReader(
    const grpc::ServerContext& context, std::string_view call,
    std::string predicate) const {
  ASSIGN_OR_RETURN(transport::Caller caller,
                   parts_.guard->Admit(context, call));
  v1::Access access;
  access.set_reader(caller.uri);
  access.set_call(std::string(call));
  access.set_purpose(v1::Purpose_Name(v1::PURPOSE_AUDIT));
  access.set_predicate(std::move(predicate));
  RETURN_IF_ERROR(parts_.guard->Record(access));
  return caller;
}

absl::StatusOr<uint32_t> AuditService::CityOf(const std::string& origin) const {
  for (const uint32_t city : parts_.journal->cities()) {
    if (ledger::CityOrigin(parts_.province, city) == origin) return city;
  }
  return base::NotFoundError("the province holds no log {}", origin);
}

// The cities first: then the province's log has a receipt for all of that.
absl::Status AuditService::DoListLogs(v1::ListLogsResponse* response) const {
  // A log that is being brought back would look shorter than it was.
  const std::string held = parts_.own_head->hold_reason();
  if (!held.empty()) {
    return base::UnavailableError("the province's own log is held: {}", held);
  }
  for (const uint32_t city : parts_.journal->cities()) {
    ASSIGN_OR_RETURN(const exchange::CityCopy copy, parts_.journal->City(city));
    if (copy.range.size() == 0) continue;
    v1::LogSummary* log = response->add_logs();
    log->set_city(city);
    log->set_origin(ledger::CityOrigin(parts_.province, city));
    log->set_size(copy.range.size());
    log->set_checkpoint(copy.checkpoint);
    ASSIGN_OR_RETURN(const auto changes, parts_.journal->KeyChanges(city));
    *log->mutable_key_changes() = exchange::MakeKeyChanges(changes);
  }
  const uint64_t size = parts_.journal->own_log().Head().size();
  const auto signed_now = parts_.own_head->Sign();
  // A province that may not sign still shows what it signed before.
  if (!signed_now.ok()) {
    spdlog::warn("audit: the own log as it was signed before: {}",
                 base::Describe(signed_now.status()));
  } else if (!parts_.own_head->AwaitSigned(size, kMirrorPatience)) {
    spdlog::warn("audit: the own log as far as its mirror keeps it");
  }
  const ledger::LogStore& log = parts_.journal->own_log();
  ASSIGN_OR_RETURN(const auto note,
                   log.CheckpointAtOrBefore(log.Head().size()));
  if (!note.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const ledger::Checkpoint head,
                   ledger::ReadCheckpoint(*note));
  v1::LogSummary* own = response->add_logs();
  own->set_origin(head.origin);
  own->set_size(head.size);
  own->set_checkpoint(*note);
  return absl::OkStatus();
}

grpc::Status AuditService::ListLogs(grpc::ServerContext* context,
                                    const v1::ListLogsRequest*,
                                    v1::ListLogsResponse* response) {
  const auto caller = parts_.guard->Admit(*context, "Audit.ListLogs");
  absl::Status status = caller.status();
  if (status.ok()) status = DoListLogs(response);
  return transport::ToGrpc(status);
}

absl::Status AuditService::DoReadLog(
    const v1::ReadLogRequest& request, const grpc::ServerContext& context,
    const transport::Answers<v1::ReadLogResponse>& answers) const {
  const auto source = [&]() -> absl::StatusOr<std::unique_ptr<LogSource>> {
    if (request.origin() == "tongchou/" + parts_.province) {
      return OwnLogSource(parts_.journal->own_log());
    }
    ASSIGN_OR_RETURN(const uint32_t city, CityOf(request.origin()));
    return CityLogSource(*parts_.journal, city);
  };
  ASSIGN_OR_RETURN(const auto log, source());
  ASSIGN_OR_RETURN(const uint64_t size, log->Size());
  if (request.from_size() > size) {
    return base::OutOfRangeError("{} has {} entries, not {}", request.origin(),
                                 size, request.from_size());
  }
  const uint64_t to = request.to_size() == 0 ? size : request.to_size();
  return StreamLog(*log, request.from_size(), to, answers,
                   [watch = parts_.guard->Watch(context)]() mutable {
                     return watch.Check();
                   });
}

grpc::Status AuditService::ReadLog(
    grpc::ServerContext* context, const v1::ReadLogRequest* request,
    grpc::ServerWriter<v1::ReadLogResponse>* writer) {
  const auto caller = AdmitReader(
      *context, "Audit.ReadLog",
      fmt::format("{} from entry {}", request->origin(), request->from_size()));
  absl::Status status = caller.status();
  if (status.ok()) {
    status = DoReadLog(*request, *context,
                       {&parts_.guard->answers(), context, writer});
  }
  return transport::ToGrpc(status);
}

absl::Status AuditService::DoReadRecords(
    const grpc::ServerContext& context,
    const transport::Answers<v1::ReadRecordsResponse>& answers) const {
  RETURN_IF_ERROR(CheckReady(parts_));
  const auto snapshot = parts_.state->Snapshot();
  ASSIGN_OR_RETURN(const Position position, snapshot->ReadPosition());
  v1::ReadRecordsResponse response;
  ASSIGN_OR_RETURN(*response.mutable_basis(), MakeBasis(parts_, position));
  transport::PeerWatch watch = parts_.guard->Watch(context);
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
        status = watch.Check();
        const bool sent = status.ok() && answers.Write(response);
        response.Clear();
        return sent;
      }));
  RETURN_IF_ERROR(status);
  answers.Write(response);
  return absl::OkStatus();
}

grpc::Status AuditService::ReadRecords(
    grpc::ServerContext* context, const v1::ReadRecordsRequest*,
    grpc::ServerWriter<v1::ReadRecordsResponse>* writer) {
  const auto caller =
      AdmitReader(*context, "Audit.ReadRecords", "every record");
  absl::Status status = caller.status();
  if (status.ok()) {
    status =
        DoReadRecords(*context, {&parts_.guard->answers(), context, writer});
  }
  return transport::ToGrpc(status);
}

}  // namespace tongchou::aggregator
