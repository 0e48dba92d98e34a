// Requests to nodes, and clients that write without a thread each.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/random.h"
#include "tests/bench/peer.h"
#include "tongchou/v1/node.pb.h"
#include "tongchou/v1/records.pb.h"

namespace tongchou::bench {

// An error where the node refused the write.
absl::Status Refused(const v1::WriteResponse& response);

// Requests of one client.
class RequestMaker {
 public:
  void Make(const std::vector<Row>& rows, v1::WriteRequest* request);

 private:
  const std::string id_prefix_ = base::RandomBytes(8);
  uint64_t number_ = 0;
  v1::Enrolment message_;
};

// A client for each channel, which may repeat: with a write stream, or with
// unary calls.
std::unique_ptr<Clients> MakeStreamClients(
    const std::vector<std::shared_ptr<grpc::Channel>>& channels);
std::unique_ptr<Clients> MakeUnaryClients(
    const std::vector<std::shared_ptr<grpc::Channel>>& channels);

}  // namespace tongchou::bench
