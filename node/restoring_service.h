// What a node answers while its log is brought back: how far that is, and
// UNAVAILABLE to everything else.
#pragma once

#include <string>

#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "node/restore.h"
#include "node/write_calls.h"
#include "tongchou/v1/node.grpc.pb.h"

namespace tongchou::node {

// Thread-safe.
class RestoringService final
    : public v1::Node::WithCallbackMethod_WriteStream<v1::Node::Service> {
 public:
  // The clock, of the time of day, outlives it.
  RestoringService(NodeConfig config, base::Clock* clock)
      : config_(std::move(config)),
        clock_(*clock),
        since_us_(clock->NowMicros()) {}

  void Show(const RestoreProgress& progress);
  // What hinders; empty: nothing does.
  void ShowProblem(std::string problem);

  grpc::Status Write(grpc::ServerContext* context,
                     const v1::WriteRequest* request,
                     v1::WriteResponse* response) override;
  WriteReactor* WriteStream(grpc::CallbackServerContext* context) override;
  grpc::Status Import(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::ImportResponse, v1::ImportRequest>* stream)
      override;
  grpc::Status GetRecord(grpc::ServerContext* context,
                         const v1::GetRecordRequest* request,
                         v1::GetRecordResponse* response) override;
  grpc::Status GetHistory(grpc::ServerContext* context,
                          const v1::GetHistoryRequest* request,
                          v1::GetHistoryResponse* response) override;
  grpc::Status GetNodeStatus(grpc::ServerContext* context,
                             const v1::GetNodeStatusRequest* request,
                             v1::GetNodeStatusResponse* response) override;
  grpc::Status Backup(grpc::ServerContext* context,
                      const v1::BackupRequest* request,
                      grpc::ServerWriter<v1::BackupResponse>* writer) override;

 private:
  std::string Reason() const;
  // UNAVAILABLE for those who may make the call, else why they may not.
  absl::Status Refusal(const grpc::ServerContextBase& context,
                       std::string_view call) const;

  const NodeConfig config_;
  base::Clock& clock_;
  const int64_t since_us_;
  mutable base::Mutex mutex_;
  RestoreProgress progress_ ABSL_GUARDED_BY(mutex_);
  std::string problem_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tongchou::node
