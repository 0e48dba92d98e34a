// Both ends of Node.Backup and Admin.Backup.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/sync_stream.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/status.h"
#include "common/transport/answer_watch.h"
#include "common/transport/channel.h"
#include "common/transport/grpc_status.h"
#include "tongchou/v1/backup.pb.h"

namespace tongchou::transport {

// Bytes so far, of about how many; false when nobody waits any more.
using ShowBytes = std::function<bool(uint64_t bytes, uint64_t total)>;

// Answers with the progress of `write` and the number that it gives.
inline absl::Status ServeBackup(
    const Answers<v1::BackupResponse>& answers,
    const std::function<absl::StatusOr<uint32_t>(const ShowBytes&)>& write) {
  v1::BackupResponse response;
  const ShowBytes show = [&](uint64_t bytes, uint64_t total) {
    response.set_bytes(bytes);
    response.set_bytes_total(total);
    return answers.Write(response);
  };
  ASSIGN_OR_RETURN(const uint32_t number, write(show));
  response.Clear();
  response.set_number(number);
  if (answers.Write(response)) return absl::OkStatus();
  return base::AbortedError("nobody waits for the backup any more");
}

// The number of the backup that a server has written.
inline absl::StatusOr<uint32_t> AwaitBackup(
    std::unique_ptr<grpc::ClientReader<v1::BackupResponse>> reader,
    const ShowBytes& show) {
  v1::BackupResponse response;
  while (reader->Read(&response)) {
    if (response.number() == 0) show(response.bytes(), response.bytes_total());
  }
  RETURN_IF_ERROR(FromGrpc(reader->Finish()));
  return response.number();
}

// Has the server that listens on this machine write a backup, over the call
// Backup of `Service`. Errors as those of ConnectToSelf and of the call.
template <typename Service>
absl::StatusOr<uint32_t> AskForBackup(const std::string& listen,
                                      const TlsFiles& files,
                                      const base::ExpectedPeer& self,
                                      const std::string& directory,
                                      const ShowBytes& show) {
  ASSIGN_OR_RETURN(const auto channel, ConnectToSelf(listen, files, self));
  const auto stub = Service::NewStub(channel);
  grpc::ClientContext context;
  v1::BackupRequest request;
  request.set_directory(directory);
  return AwaitBackup(stub->Backup(&context, request), show);
}

}  // namespace tongchou::transport
