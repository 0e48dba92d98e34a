#include "node/node_service.h"

#include "common/base/big_endian.h"
#include "common/base/logging.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/base/volume.h"
#include "common/records/record_view.h"
#include "common/transport/access.h"
#include "common/transport/grpc_status.h"
#include "common/transport/peer.h"
#include "node/renewal.h"

namespace tongchou::node {

using transport::ToGrpc;

absl::Status NodeService::StillAdmitted(
    const grpc::ServerContextBase& context) const {
  if (parts_.province == nullptr || !parts_.province->any_revoked()) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const base::Hash certificate,
                   transport::PeerCertificate(context));
  if (!parts_.province->IsRevoked(certificate)) return absl::OkStatus();
  return base::PermissionDeniedError(
      "this certificate was revoked; have a new one issued");
}

absl::StatusOr<ImportCaller> NodeService::Caller(
    const grpc::ServerContextBase& context, std::string_view call) const {
  ASSIGN_OR_RETURN(const transport::Caller caller,
                   transport::AdmitCaller(context, call));
  RETURN_IF_ERROR(StillAdmitted(context));
  const std::string city = fmt::format("{:06}", parts_.config.city);
  if (caller.identity.division != city) {
    return base::PermissionDeniedError(
        "this is the node of {}; it serves operators and admins of that city, "
        "not {} of {}",
        city, base::RoleName(caller.identity.role), caller.identity.division);
  }
  const std::string& uri = caller.uri;
  const base::Hash hash =
      base::Sha256Stream().Update(parts_.actor_secret).Update(uri).Finish();
  return ImportCaller{base::ReadBigEndian(hash.view().substr(0, 8)), uri};
}

grpc::ServerUnaryReactor* NodeService::Write(
    grpc::CallbackServerContext* context, const v1::WriteRequest* request,
    v1::WriteResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto caller = Caller(*context, "Node.Write");
  if (caller.ok()) {
    writes_.Write(caller->actor, *request, response, reactor);
  } else {
    reactor->Finish(ToGrpc(caller.status()));
  }
  return reactor;
}

WriteReactor* NodeService::WriteStream(grpc::CallbackServerContext* context) {
  const auto caller = Caller(*context, "Node.WriteStream");
  if (caller.ok()) {
    return writes_.Stream(caller->actor,
                          [this, context] { return StillAdmitted(*context); });
  }
  return WriteCalls::Refuse(caller.status());
}

grpc::Status NodeService::Import(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<v1::ImportResponse, v1::ImportRequest>* stream) {
  const auto caller = Caller(*context, "Node.Import");
  if (!caller.ok()) return ToGrpc(caller.status());
  {
    base::MutexLock lock(import_mutex_);
    if (importing_) {
      return ToGrpc(base::UnavailableError(
          "another import is running at this node; wait for its end"));
    }
    importing_ = true;
  }
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
            *caller, request.begin(),
            [stream](const v1::ImportResponse& response) {
              stream->Write(response);
            }));
    while (stream->Read(&request)) {
      RETURN_IF_ERROR(StillAdmitted(*context));
      RETURN_IF_ERROR(session->Data(request.data()));
    }
    if (context->IsCancelled()) {
      return base::AbortedError("the client went away");
    }
    return session->Finish();
  };
  const absl::Status status = run();
  spdlog::info("import: by={} status=\"{}\" size={}", caller->name,
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
    RETURN_IF_ERROR(Caller(*context, "Node.GetRecord").status());
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
    RETURN_IF_ERROR(Caller(*context, "Node.GetHistory").status());
    ASSIGN_OR_RETURN(const RecordState state, FindRecord(request->record()));
    ASSIGN_OR_RETURN(const auto versions,
                     parts_.reader->ReadHistory(state.sequence));
    response->mutable_versions()->Add(versions.begin(), versions.end());
    return absl::OkStatus();
  };
  return ToGrpc(run());
}

grpc::Status NodeService::GetNodeStatus(grpc::ServerContext* context,
                                        const v1::GetNodeStatusRequest*,
                                        v1::GetNodeStatusResponse* response) {
  const auto caller = Caller(*context, "Node.GetNodeStatus");
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
      CertificateDaysLeft(parts_.config, parts_.clock->RealMicros())
          .value_or(0));
  response->set_volume_warning(base::EncryptionWarning(parts_.config.data));
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
