// The node's end of replication without a line; tongchou/v1/transfer.proto says
// what each call promises.
#pragma once

#include "common/transport/answer_watch.h"
#include "node/node_config.h"
#include "node/uplink_client.h"
#include "tongchou/v1/transfer.grpc.pb.h"

namespace tongchou::node {

// Thread-safe.
class TransferService final : public v1::CityTransfer::Service {
 public:
  // `uplink` is null where the node works alone; both outlive the service.
  TransferService(NodeConfig config, UplinkClient* uplink,
                  transport::AnswerWatch* answers)
      : config_(std::move(config)), uplink_(uplink), answers_(*answers) {}

  grpc::Status Export(grpc::ServerContext* context,
                      const v1::ExportRequest* request,
                      grpc::ServerWriter<v1::NodeMessage>* writer) override;
  grpc::Status Accept(grpc::ServerContext* context,
                      const v1::Acknowledgement* request,
                      v1::AcceptResponse* response) override;

 private:
  absl::StatusOr<UplinkClient*> Admit(const grpc::ServerContextBase& context,
                                      std::string_view call) const;

  const NodeConfig config_;
  UplinkClient* const uplink_;
  transport::AnswerWatch& answers_;
};

}  // namespace tongchou::node
