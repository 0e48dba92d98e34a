#include "cli/import/import_stream.h"

#include <grpcpp/client_context.h>

#include <optional>
#include <thread>

#include "common/base/status.h"
#include "tongchou/v1/node.grpc.pb.h"

namespace tongchou::cli {
namespace {

using Stream =
    grpc::ClientReaderWriterInterface<v1::ImportRequest, v1::ImportResponse>;

enum class Sent { kAll, kRefused };

class Reader {
 public:
  Reader(Stream* stream, const ImportEvents& events)
      : stream_(stream), events_(events) {}

  void Run() {
    v1::ImportResponse response;
    while (stream_->Read(&response)) Take(response);
  }
  std::optional<uint64_t> committed() const { return committed_; }

 private:
  void Take(const v1::ImportResponse& response) {
    for (const v1::RejectedRow& row : response.rejected()) {
      events_.rejected(file_, row);
    }
    if (response.has_progress()) events_.progress(response.progress());
    if (response.has_file_done()) {
      events_.file_done(response.file_done());
      file_ = response.file_done().file() + size_t{1};
    }
    if (response.has_done()) committed_ = response.done().committed_size();
  }

  Stream* stream_;
  const ImportEvents& events_;
  size_t file_ = 0;
  std::optional<uint64_t> committed_;
};

absl::StatusOr<Sent> SendFile(const ImportSource& file, Stream* stream) {
  v1::ImportRequest request;
  uint64_t sent = 0;
  bool refused = false;
  RETURN_IF_ERROR(ReadPieces(file.path, [&](std::string_view piece) {
    piece = piece.substr(0, file.bytes - sent);
    sent += piece.size();
    if (piece.empty()) return false;
    request.set_data(std::string(piece));
    refused = !stream->Write(request);
    return !refused;
  }));
  if (refused) return Sent::kRefused;
  if (sent == file.bytes) return Sent::kAll;
  return base::FailedPreconditionError(
      "{}: was changed while it was sent; run the command again", file.path);
}

absl::Status SendAll(const v1::ImportBegin& begin,
                     const std::vector<ImportSource>& files, Stream* stream) {
  v1::ImportRequest request;
  *request.mutable_begin() = begin;
  if (!stream->Write(request)) return absl::OkStatus();
  for (const ImportSource& file : files) {
    ASSIGN_OR_RETURN(const Sent sent, SendFile(file, stream));
    if (sent == Sent::kRefused) return absl::OkStatus();
  }
  stream->WritesDone();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<uint64_t> StreamImport(const Connection& node,
                                      const v1::ImportBegin& begin,
                                      const std::vector<ImportSource>& files,
                                      const ImportEvents& events) {
  const auto stub = v1::Node::NewStub(node.channel);
  grpc::ClientContext context;
  const auto stream = stub->Import(&context);
  Reader reader(stream.get(), events);
  std::thread thread([&reader] { reader.Run(); });
  const absl::Status sent = SendAll(begin, files, stream.get());
  if (!sent.ok()) context.TryCancel();
  thread.join();
  const grpc::Status finished = stream->Finish();
  RETURN_IF_ERROR(sent);
  RETURN_IF_ERROR(CallStatus(node, finished));
  if (reader.committed().has_value()) return *reader.committed();
  return base::UnavailableError("{}: the node ended the import before its end",
                                node.address);
}

}  // namespace tongchou::cli
