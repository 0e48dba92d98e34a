#include "common/transport/answer_watch.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/method_handler.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>

namespace tongchou::transport {
namespace {

using grpc::ByteBuffer;
using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr char kMethod[] = "/tongchou.test.Endless/Read";
constexpr milliseconds kDeadline{10'000};

ByteBuffer Mebibyte() {
  const grpc::Slice slice(std::string(1 << 20, 'x'));
  return ByteBuffer(&slice, 1);
}

// One method that answers without end, in pieces, or waits between two.
class EndlessService : public grpc::Service {
 public:
  explicit EndlessService(AnswerWatch* watch) {
    AddMethod(new grpc::internal::RpcServiceMethod(
        kMethod, grpc::internal::RpcMethod::SERVER_STREAMING,
        new grpc::internal::ServerStreamingHandler<EndlessService, ByteBuffer,
                                                   ByteBuffer>(
            [this, watch](EndlessService*, grpc::ServerContext* context,
                          const ByteBuffer*,
                          grpc::ServerWriter<ByteBuffer>* writer) {
              Serve({watch, context, writer});
              return grpc::Status::OK;
            },
            this)));
  }

  std::atomic<int> written = 0;
  std::atomic<int> pause_after = -1;  // this many
  std::promise<void> paused;
  std::promise<void> go_on;
  std::promise<void> over;

 private:
  void Serve(const Answers<ByteBuffer>& answers) {
    const ByteBuffer piece = Mebibyte();
    while (answers.Write(piece)) {
      if (++written != pause_after) continue;
      paused.set_value();
      go_on.get_future().wait();
    }
    over.set_value();
  }
};

class AnswerWatchTest : public testing::Test {
 protected:
  AnswerWatchTest() : service_(&watch_) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = std::make_unique<grpc::GenericStub>(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                            grpc::InsecureChannelCredentials()));
    call_ = stub_->PrepareCall(&context_, kMethod, &queue_);
  }
  ~AnswerWatchTest() override {
    context_.TryCancel();
    server_->Shutdown(std::chrono::system_clock::now() + kDeadline);
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  // One step of the call; whether it was taken.
  bool Await() {
    void* tag = nullptr;
    bool ok = false;
    EXPECT_EQ(queue_.AsyncNext(&tag, &ok,
                               std::chrono::system_clock::now() + kDeadline),
              grpc::CompletionQueue::GOT_EVENT);
    return ok;
  }
  void Ask() {
    call_->StartCall(nullptr);
    ASSERT_TRUE(Await());
    call_->WriteLast(ByteBuffer(), grpc::WriteOptions(), nullptr);
    ASSERT_TRUE(Await());
  }
  bool Read() {
    ByteBuffer piece;
    call_->Read(&piece, nullptr);
    return Await();
  }
  grpc::Status Finish() {
    grpc::Status status;
    call_->Finish(&status, nullptr);
    EXPECT_TRUE(Await());
    return status;
  }
  // As the ticker does, in `ahead` from now.
  bool EndsWithin(milliseconds time, milliseconds ahead) {
    auto over = service_.over.get_future();
    const auto until = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < until) {
      watch_.EndUnread(std::chrono::steady_clock::now() + ahead);
      if (over.wait_for(milliseconds(10)) == std::future_status::ready) {
        return true;
      }
    }
    service_.over = {};
    return false;
  }

  AnswerWatch watch_;
  EndlessService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<grpc::GenericStub> stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

// Whoever read nothing held his place, and a thread of the server, for ever.
TEST_F(AnswerWatchTest, EndsACallWhoseAnswerNobodyReads) {
  Ask();
  ASSERT_TRUE(Read());
  EXPECT_TRUE(EndsWithin(kDeadline, kAnswerPatience));
  while (Read()) {
  }
  const grpc::Status status = Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED)
      << status.error_message();
  EXPECT_THAT(status.error_message(),
              HasSubstr("nobody has read this answer for 60 s"));
}

TEST_F(AnswerWatchTest, WaitsForAReaderUntilThen) {
  Ask();
  ASSERT_TRUE(Read());
  EXPECT_FALSE(EndsWithin(milliseconds(300),
                          kAnswerPatience - std::chrono::seconds(10)));
  // It reads on, and is served on.
  const int before = service_.written;
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Read());
  EXPECT_GT(service_.written, before);
}

// A call that is at work, however long, waits for nobody.
TEST_F(AnswerWatchTest, LeavesACallThatDoesNotWrite) {
  service_.pause_after = 1;
  Ask();
  ASSERT_TRUE(Read());
  service_.paused.get_future().wait();
  watch_.EndUnread(std::chrono::steady_clock::now() + 2 * kAnswerPatience);
  service_.go_on.set_value();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Read());
}

}  // namespace
}  // namespace tongchou::transport
