#include "node/node_service.h"

#include "absl/hash/hash.h"
#include "common/alarms/alarm_message.h"
#include "common/base/big_endian.h"
#include "common/base/certificate.h"
#include "common/base/logging.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/base/volume.h"
#include "common/records/record_view.h"
#include "common/transport/backup_call.h"
#include "common/transport/grpc_status.h"

namespace tongchou::node {

using transport::ToGrpc;

transport::PeerWatch NodeService::Watch(
    const grpc::ServerContextBase& context) const {
  return {parts_.province == nullptr ? none_ : parts_.province->revocations(),
          context};
}

absl::StatusOr<transport::Caller> AdmitPeople(
    const grpc::ServerContextBase& context, std::string_view call,
    uint32_t city) {
  ASSIGN_OR_RETURN(transport::Caller caller,
                   transport::AdmitCaller(context, call));
  const std::string own = fmt::format("{:06}", city);
  if (caller.identity.division == own) return caller;
  return base::PermissionDeniedError(
      "this is the node of {}; it serves operators and admins of that city, "
      "not {} of {}",
      own, base::RoleName(caller.identity.role), caller.identity.division);
}

absl::StatusOr<NodeService::Admitted> NodeService::Caller(
    const grpc::ServerContextBase& context, std::string_view call,
    transport::PeerLimits* limits) {
  ASSIGN_OR_RETURN(const transport::Caller caller,
                   AdmitPeople(context, call, parts_.config.city));
  RETURN_IF_ERROR(Watch(context).Check());
  const std::string& uri = caller.uri;
  const base::Hash hash =
      base::Sha256Stream().Update(parts_.actor_secret).Update(uri).Finish();
  Admitted admitted{{base::ReadBigEndian(hash.view().substr(0, 8)), uri}, {}};
  if (limits != nullptr) {
    ASSIGN_OR_RETURN(admitted.place, limits->Enter(uri, /*share=*/true));
  }
  return admitted;
}

grpc::ServerUnaryReactor* NodeService::Write(
    grpc::CallbackServerContext* context, const v1::WriteRequest* request,
    v1::WriteResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto caller = Caller(*context, "Node.Write", nullptr);
  if (caller.ok()) {
    writes_.Write(caller->import.actor, absl::HashOf(context->peer()), *request,
                  response, reactor);
  } else {
    reactor->Finish(ToGrpc(caller.status()));
  }
  return reactor;
}

WriteReactor* NodeService::WriteStream(grpc::CallbackServerContext* context) {
  const auto caller = Caller(*context, "Node.WriteStream", &streams_);
  if (caller.ok()) {
    return writes_.Stream(
        context, caller->import.actor,
        [watch = Watch(*context), place = caller->place]() mutable {
          return watch.Check();
        });
  }
  return WriteCalls::Refuse(caller.status());
}

grpc::Status NodeService::Import(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<v1::ImportResponse, v1::ImportRequest>* stream) {
  const auto caller = Caller(*context, "Node.Import", &calls_);
  if (!caller.ok()) return ToGrpc(caller.status());
  {
    base::MutexLock lock(import_mutex_);
    if (importing_) {
      return ToGrpc(base::UnavailableError(
          "another import is running at this node; wait for its end"));
    }
    importing_ = true;
  }
  const transport::Answers<v1::ImportResponse> answers(&answers_, context,
                                                       stream);
  const auto run = [&]() -> absl::Status {
    v1::ImportRequest request;
    if (!stream->Read(&request) || !request.has_begin()) {
      return base::InvalidArgumentError("an import starts with its command");
    }
    ASSIGN_OR_RETURN(
        const auto session,
        ImportSession::Begin(
            {parts_.config.city, parts_.config.synthetic, parts_.log,
             parts_.index, parts_.reader, parts_.sequencer, parts_.clock},
            caller->import, request.begin(),
            [&answers](const v1::ImportResponse& response) {
              answers.Write(response);
            }));
    transport::PeerWatch watch = Watch(*context);
    while (stream->Read(&request)) {
      RETURN_IF_ERROR(watch.Check());
      RETURN_IF_ERROR(session->Data(request.data()));
    }
    if (context->IsCancelled()) {
      return base::AbortedError("the client went away");
    }
    return session->Finish();
  };
  const absl::Status status = run();
  spdlog::info("import: by={} status=\"{}\" size={}", caller->import.name,
               status.ok() ? "done" : base::Describe(status),
               parts_.log->Head().size());
  base::MutexLock lock(import_mutex_);
  importing_ = false;
  return ToGrpc(status);
}

absl::StatusOr<RecordState> NodeService::FindRecord(
    const v1::RecordName& name) const {
  ASSIGN_OR_RETURN(const std::string key, records::KeyFromName(name));
  ASSIGN_OR_RETURN(const auto state, parts_.index->Find(key));
  if (!state.has_value()) {
    return base::NotFoundError("this node has no such record");
  }
  return *state;
}

grpc::Status NodeService::GetRecord(grpc::ServerContext* context,
                                    const v1::GetRecordRequest* request,
                                    v1::GetRecordResponse* response) {
  const auto run = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const Admitted caller,
                     Caller(*context, "Node.GetRecord", &calls_));
    ASSIGN_OR_RETURN(const RecordState state, FindRecord(request->record()));
    if (state.deleted) {
      return base::NotFoundError("the record was deleted; see its history");
    }
    ASSIGN_OR_RETURN(const StoredEntry entry,
                     parts_.reader->ReadEntry(state.sequence));
    ASSIGN_OR_RETURN(*response->mutable_record(), parts_.reader->ViewOf(entry));
    return absl::OkStatus();
  };
  return ToGrpc(run());
}

grpc::Status NodeService::GetHistory(grpc::ServerContext* context,
                                     const v1::GetHistoryRequest* request,
                                     v1::GetHistoryResponse* response) {
  const auto run = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const Admitted caller,
                     Caller(*context, "Node.GetHistory", &calls_));
    ASSIGN_OR_RETURN(const RecordState state, FindRecord(request->record()));
    ASSIGN_OR_RETURN(const auto versions,
                     parts_.reader->ReadHistory(state.sequence));
    response->mutable_versions()->Add(versions.begin(), versions.end());
    return absl::OkStatus();
  };
  return ToGrpc(run());
}

grpc::Status NodeService::Backup(
    grpc::ServerContext* context, const v1::BackupRequest* request,
    grpc::ServerWriter<v1::BackupResponse>* writer) {
  const auto run = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const Admitted caller,
                     Caller(*context, "Node.Backup", &calls_));
    return transport::ServeBackup(
        {&answers_, context, writer}, [&](const transport::ShowBytes& show) {
          return parts_.log->WriteBackup(request->directory(),
                                         parts_.config.Origin(), show);
        });
  };
  const absl::Status status = run();
  spdlog::info("backup: directory={} status=\"{}\"", request->directory(),
               status.ok() ? "written" : base::Describe(status));
  return ToGrpc(status);
}

grpc::Status NodeService::GetNodeStatus(grpc::ServerContext* context,
                                        const v1::GetNodeStatusRequest*,
                                        v1::GetNodeStatusResponse* response) {
  const auto caller = Caller(*context, "Node.GetNodeStatus", &calls_);
  if (!caller.ok()) return ToGrpc(caller.status());
  const ledger::LogHead head = parts_.log->Head();
  response->set_city(parts_.config.city);
  response->set_origin(parts_.config.Origin());
  response->set_committed_size(head.size());
  response->set_root(std::string(head.range.Root().view()));
  response->set_checkpoint(parts_.signer->last_note());
  response->set_read_only_reason(parts_.read_only_reason());
  response->set_records(parts_.index->live_records());
  response->set_clock_us(
      parts_.clock->TimeOf(head.size(), head.last_commit_time_us));
  response->set_certificate_days(
      base::CertificateDaysLeft(parts_.config.tls.certificate,
                                parts_.clock->RealMicros())
          .value_or(0));
  response->set_volume_warning(parts_.volume_warning);
  *response->mutable_alarms() =
      alarms::ToMessages(*parts_.alarms, parts_.clock->RealMicros());
  if (parts_.uplink == nullptr) {
    response->set_uplink_state("none configured");
    return grpc::Status::OK;
  }
  const UplinkStatus uplink = parts_.uplink->status();
  response->set_durable_size(uplink.positions.durable);
  response->set_applied_size(uplink.positions.applied);
  response->set_uplink_state(uplink.state);
  const ProvinceViewStatus province = parts_.province->status();
  response->set_province_log_size(province.size);
  response->set_province_log_time_us(province.commit_time_us);
  response->set_province_log_problem(province.problem);
  return grpc::Status::OK;
}

}  // namespace tongchou::node
