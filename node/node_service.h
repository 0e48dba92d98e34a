// The node's gRPC service over its parts; tongchou/v1/node.proto says what each
// call promises.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/alarms/alarm_board.h"
#include "common/base/mutex.h"
#include "common/transport/access.h"
#include "common/transport/answer_watch.h"
#include "node/import_session.h"
#include "node/uplink_client.h"
#include "node/write_calls.h"
#include "tongchou/v1/node.grpc.pb.h"

namespace tongchou::node {

struct NodeParts {
  NodeConfig config;
  ledger::LogStore* log = nullptr;
  ledger::HeadSigner* signer = nullptr;
  RecordIndex* index = nullptr;
  RecordReader* reader = nullptr;
  Sequencer* sequencer = nullptr;
  const CommitClock* clock = nullptr;
  UplinkClient* uplink = nullptr;          // null: the node works alone
  const ProvinceView* province = nullptr;  // likewise
  std::function<std::string()> read_only_reason;
  std::string actor_secret;    // pseudonyms of actors come from it
  std::string volume_warning;  // about the data's volume; empty = none
  const alarms::AlarmBoard* alarms = nullptr;
};

using NodeServiceBase = v1::Node::WithCallbackMethod_Write<
    v1::Node::WithCallbackMethod_WriteStream<v1::Node::Service>>;

// PERMISSION_DENIED unless the caller is of the city and may make the call.
absl::StatusOr<transport::Caller> AdmitPeople(
    const grpc::ServerContextBase& context, std::string_view call,
    uint32_t city);

// Thread-safe. Writes need no thread each, the other calls do.
class NodeService final : public NodeServiceBase {
 public:
  explicit NodeService(NodeParts parts)
      : parts_(std::move(parts)),
        writes_(parts_.config.city, parts_.config.synthetic, parts_.sequencer,
                parts_.clock) {}

  grpc::ServerUnaryReactor* Write(grpc::CallbackServerContext* context,
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

  // Streaming answers are written under it.
  transport::AnswerWatch& answers() { return answers_; }
  // Ends calls whose answers nobody reads; once a second.
  void EndUnread(transport::AnswerWatch::Time now) {
    answers_.EndUnread(now);
    writes_.EndUnread(now);
  }

 private:
  // Says PERMISSION_DENIED once the province revoked the caller's certificate.
  transport::PeerWatch Watch(const grpc::ServerContextBase& context) const;
  struct Admitted {
    ImportCaller import;
    transport::CallPlace place;  // kept as long as a call that has a thread
  };
  absl::StatusOr<Admitted> Caller(const grpc::ServerContextBase& context,
                                  std::string_view call,
                                  transport::PeerLimits* limits);
  absl::StatusOr<RecordState> FindRecord(const v1::RecordName& name) const;

  const NodeParts parts_;
  transport::PeerLimits calls_{transport::kCallsPerPeerMax,
                               transport::kPeopleCallsMax};
  transport::PeerLimits streams_{kWriteStreamsPerPeerMax, kWriteStreamsMax};
  transport::AnswerWatch answers_;
  const transport::Revocations none_;  // of a node that works alone
  WriteCalls writes_;
  base::Mutex import_mutex_;
  bool importing_ ABSL_GUARDED_BY(import_mutex_) = false;
};

}  // namespace tongchou::node
