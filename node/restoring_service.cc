#include "node/restoring_service.h"

#include <utility>

#include "common/alarms/alarm_message.h"
#include "common/base/status.h"
#include "common/transport/grpc_status.h"
#include "node/node_service.h"

namespace tongchou::node {

using transport::ToGrpc;

void RestoringService::Show(const RestoreProgress& progress) {
  base::MutexLock lock(mutex_);
  progress_ = progress;
  problem_.clear();
}

void RestoringService::ShowProblem(std::string problem) {
  base::MutexLock lock(mutex_);
  problem_ = std::move(problem);
}

std::string RestoringService::Reason() const {
  base::MutexLock lock(mutex_);
  if (!problem_.empty()) {
    return fmt::format(
        "this node brings its log back from the province and is held up, it "
        "tries again by itself: {}",
        problem_);
  }
  return fmt::format(
      "this node brings its log back from the province: {} of {} entries; try "
      "again when it is done",
      progress_.entries, progress_.size);
}

absl::Status RestoringService::Refusal(const grpc::ServerContextBase& context,
                                       std::string_view call) const {
  RETURN_IF_ERROR(AdmitPeople(context, call, config_.city).status());
  return base::UnavailableError("{}", Reason());
}

grpc::Status RestoringService::Write(grpc::ServerContext* context,
                                     const v1::WriteRequest*,
                                     v1::WriteResponse*) {
  return ToGrpc(Refusal(*context, "Node.Write"));
}

WriteReactor* RestoringService::WriteStream(
    grpc::CallbackServerContext* context) {
  return WriteCalls::Refuse(Refusal(*context, "Node.WriteStream"));
}

grpc::Status RestoringService::Import(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<v1::ImportResponse, v1::ImportRequest>*) {
  return ToGrpc(Refusal(*context, "Node.Import"));
}

grpc::Status RestoringService::GetRecord(grpc::ServerContext* context,
                                         const v1::GetRecordRequest*,
                                         v1::GetRecordResponse*) {
  return ToGrpc(Refusal(*context, "Node.GetRecord"));
}

grpc::Status RestoringService::GetHistory(grpc::ServerContext* context,
                                          const v1::GetHistoryRequest*,
                                          v1::GetHistoryResponse*) {
  return ToGrpc(Refusal(*context, "Node.GetHistory"));
}

grpc::Status RestoringService::Backup(grpc::ServerContext* context,
                                      const v1::BackupRequest*,
                                      grpc::ServerWriter<v1::BackupResponse>*) {
  return ToGrpc(Refusal(*context, "Node.Backup"));
}

grpc::Status RestoringService::GetNodeStatus(
    grpc::ServerContext* context, const v1::GetNodeStatusRequest*,
    v1::GetNodeStatusResponse* response) {
  const auto caller = AdmitPeople(*context, "Node.GetNodeStatus", config_.city);
  if (!caller.ok()) return ToGrpc(caller.status());
  response->set_city(config_.city);
  response->set_origin(config_.Origin());
  response->set_read_only_reason(Reason());
  response->set_uplink_state("restoring");
  const int64_t now = clock_.NowMicros();
  *response->add_alarms() = alarms::ToMessage(
      {{&alarms::kReadOnly, 0, Reason()}, now - since_us_}, now);
  base::MutexLock lock(mutex_);
  response->set_committed_size(progress_.entries);
  response->set_durable_size(progress_.size);
  return grpc::Status::OK;
}

}  // namespace tongchou::node
