#include "tests/bench/tongchou_clients.h"

#include <optional>

#include "common/base/big_endian.h"
#include "common/base/status.h"
#include "common/transport/grpc_status.h"
#include "tests/bench/message.h"
#include "tongchou/v1/node.grpc.pb.h"

namespace tongchou::bench {
namespace {

// How one client writes. What it starts ends as an event of the queue with
// the tag that was given.
class Call {
 public:
  virtual ~Call() = default;
  // Returns how many events that are.
  virtual int Send(const v1::WriteRequest& request, void* tag) = 0;
  // Behind the last of them; `ok`: of all.
  virtual absl::Status Outcome(bool ok) = 0;
  // Nothing is sent any more; `broken`: something may be under way.
  virtual void End(bool broken, void* tag) = 0;
};

class StreamCall final : public Call {
 public:
  StreamCall(const std::shared_ptr<grpc::Channel>& channel,
             grpc::CompletionQueue* queue)
      : stub_(v1::Node::NewStub(channel)),
        stream_(stub_->PrepareAsyncWriteStream(&context_, queue)) {
    stream_->StartCall(nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue->Next(&tag, &ok);  // a call that failed says so when it is used
  }

  int Send(const v1::WriteRequest& request, void* tag) override {
    stream_->Write(request, tag);
    stream_->Read(&response_, tag);
    return 2;
  }
  absl::Status Outcome(bool ok) override {
    if (!ok) return base::UnavailableError("a write stream has ended");
    return Refused(response_);
  }
  void End(bool broken, void* tag) override {
    if (broken) {
      context_.TryCancel();  // a write may be under way, no other may begin
    } else {
      stream_->WritesDone(tag);
    }
    stream_->Finish(&status_, tag);
  }

 private:
  grpc::ClientContext context_;
  const std::unique_ptr<v1::Node::Stub> stub_;
  v1::WriteResponse response_;
  grpc::Status status_;
  const std::unique_ptr<
      grpc::ClientAsyncReaderWriter<v1::WriteRequest, v1::WriteResponse>>
      stream_;
};

class UnaryCall final : public Call {
 public:
  UnaryCall(const std::shared_ptr<grpc::Channel>& channel,
            grpc::CompletionQueue* queue)
      : stub_(v1::Node::NewStub(channel)), queue_(*queue) {}

  int Send(const v1::WriteRequest& request, void* tag) override {
    reader_.reset();
    context_.emplace();
    reader_ = stub_->AsyncWrite(&*context_, request, &queue_);
    reader_->Finish(&response_, &status_, tag);
    return 1;
  }
  absl::Status Outcome(bool) override {
    RETURN_IF_ERROR(transport::FromGrpc(status_));
    return Refused(response_);
  }
  void End(bool broken, void*) override {
    if (broken && context_.has_value()) context_->TryCancel();
  }

 private:
  const std::unique_ptr<v1::Node::Stub> stub_;
  grpc::CompletionQueue& queue_;
  v1::WriteResponse response_;
  grpc::Status status_;
  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::WriteResponse>> reader_;
};

class QueueClients final : public Clients {
 public:
  template <typename CallType>
  static std::unique_ptr<Clients> Make(
      const std::vector<std::shared_ptr<grpc::Channel>>& channels) {
    auto clients = std::make_unique<QueueClients>();
    for (const auto& channel : channels) {
      auto client = std::make_unique<Client>();
      client->number = clients->clients_.size();
      client->call = std::make_unique<CallType>(channel, &clients->queue_);
      clients->clients_.push_back(std::move(client));
    }
    return clients;
  }

  ~QueueClients() override {
    for (const auto& client : clients_) {
      client->call->End(/*broken=*/client->events > 0, client.get());
    }
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  absl::Status Commit(const Next& next) override {
    size_t busy = 0;
    for (const auto& client : clients_) busy += Send(next, client.get());
    while (busy > 0) {
      void* tag = nullptr;
      bool ok = false;
      queue_.Next(&tag, &ok);
      Client& client = *static_cast<Client*>(tag);
      client.ok &= ok;
      if (--client.events > 0) continue;
      RETURN_IF_ERROR(client.call->Outcome(client.ok));
      if (!Send(next, &client)) --busy;
    }
    return absl::OkStatus();
  }

 private:
  struct Client {
    size_t number = 0;
    std::unique_ptr<Call> call;
    RequestMaker maker;
    int events = 0;  // that are awaited
    bool ok = true;
  };

  bool Send(const Next& next, Client* client) {
    if (!next(client->number, rows_.data())) return false;
    request_.Clear();
    client->maker.Make(rows_, &request_);
    client->events = client->call->Send(request_, client);
    return true;
  }

  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Row> rows_{1};
  v1::WriteRequest request_;
};

}  // namespace

absl::Status Refused(const v1::WriteResponse& response) {
  if (response.error_code() == 0) return absl::OkStatus();
  return base::InternalError("a write: {}", response.error_message());
}

void RequestMaker::Make(const std::vector<Row>& rows,
                        v1::WriteRequest* request) {
  std::string id = id_prefix_;
  base::AppendBigEndian<8>(++number_, &id);
  request->set_transaction_id(id);
  for (const Row& row : rows) {
    v1::Change* change = request->add_changes();
    change->set_type(v1::RECORD_TYPE_ENROLMENT);
    message_.Clear();
    ToMessage(row, &message_);
    message_.SerializeToString(change->mutable_message());
  }
}

std::unique_ptr<Clients> MakeStreamClients(
    const std::vector<std::shared_ptr<grpc::Channel>>& channels) {
  return QueueClients::Make<StreamCall>(channels);
}

std::unique_ptr<Clients> MakeUnaryClients(
    const std::vector<std::shared_ptr<grpc::Channel>>& channels) {
  return QueueClients::Make<UnaryCall>(channels);
}

}  // namespace tongchou::bench
