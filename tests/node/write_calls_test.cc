#include "node/write_calls.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "tests/node/test_node.h"

namespace tongchou::node {
namespace {

constexpr auto kLongEnough = std::chrono::seconds(20);

// The calls behind a server, without certificates.
class TestService final
    : public v1::Node::WithCallbackMethod_Write<
          v1::Node::WithCallbackMethod_WriteStream<v1::Node::Service>> {
 public:
  explicit TestService(WriteCalls* calls) : calls_(*calls) {}
  grpc::ServerUnaryReactor* Write(grpc::CallbackServerContext* context,
                                  const v1::WriteRequest* request,
                                  v1::WriteResponse* response) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    calls_.Write(7, 0, *request, response, reactor);
    return reactor;
  }
  WriteReactor* WriteStream(grpc::CallbackServerContext* context) override {
    return calls_.Stream(context, 7, [this] {
      return revoked ? base::PermissionDeniedError("revoked")
                     : absl::OkStatus();
    });
  }

  std::atomic<bool> revoked = false;

 private:
  WriteCalls& calls_;
};

// Keeps what is submitted until the test answers it.
class HeldSequencer final : public Sequencer {
 public:
  void Submit(WriteGroup group, CommitDone done) override {
    base::MutexLock lock(mutex_);
    ids_.push_back(group.transaction_id);
    held_.push_back(std::move(done));
    changed_.NotifyAll();
  }
  alarms::QueueFacts queue() const override { return {}; }
  size_t submitted() const {
    base::MutexLock lock(mutex_);
    return ids_.size();
  }
  bool WaitForSubmitted(size_t count) {
    base::MutexLock lock(mutex_);
    while (ids_.size() < count) {
      if (!changed_.WaitFor(mutex_, kLongEnough)) return false;
    }
    return true;
  }
  void AnswerOldest(const CommitOutcome& outcome = {}) {
    CommitDone done;
    {
      base::MutexLock lock(mutex_);
      done = std::move(held_.front());
      held_.erase(held_.begin());
    }
    done(outcome);
  }

 private:
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::vector<std::string> ids_ ABSL_GUARDED_BY(mutex_);
  std::vector<CommitDone> held_ ABSL_GUARDED_BY(mutex_);
};

using Stream = grpc::ClientReaderWriter<v1::WriteRequest, v1::WriteResponse>;

class WriteCallsTest : public NodeTest {
 protected:
  void TearDown() override { Stop(); }

  void Serve(Sequencer* sequencer) {
    calls_ = std::make_unique<WriteCalls>(360'100, true, sequencer, &clock_);
    service_ = std::make_unique<TestService>(calls_.get());
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    grpc::ChannelArguments little_ahead_of_the_reader;
    little_ahead_of_the_reader.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    little_ahead_of_the_reader.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
                                      1 << 16);
    stub_ = v1::Node::NewStub(grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials(),
        little_ahead_of_the_reader));
  }
  void Stop() {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }

  static v1::WriteRequest Request(const std::string& id,
                                  const std::string& unit) {
    v1::WriteRequest request;
    request.set_transaction_id(id);
    v1::Change* change = request.add_changes();
    change->set_type(v1::RECORD_TYPE_UNIT);
    for (const auto& [code, value] :
         {std::pair<const char*, std::string>{"AAB001", unit},
          {"AAB004", "unit"},
          {"AAB301", "360102"}}) {
      v1::FieldText* field = change->add_fields();
      field->set_code(code);
      field->set_value(value);
    }
    return request;
  }

  std::unique_ptr<WriteCalls> calls_;
  std::unique_ptr<TestService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Node::Stub> stub_;
};

std::string Number(int i) { return "36010000" + std::to_string(1000 + i); }

TEST_F(WriteCallsTest, AnswersComeInOrderWithRejectedOnesInTheirPlace) {
  Serve(sequencer_.get());
  grpc::ClientContext context;
  const auto stream = stub_->WriteStream(&context);
  constexpr int kRequests = 200;
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) {
      v1::WriteRequest request = Request(Number(i), Number(i));
      if (i % 7 == 3) request.clear_changes();
      EXPECT_TRUE(stream->Write(request));
    }
    EXPECT_TRUE(stream->WritesDone());
  });
  v1::WriteResponse response;
  uint64_t size = 0;
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_TRUE(stream->Read(&response)) << i;
    EXPECT_EQ(response.transaction_id(), Number(i));
    if (i % 7 == 3) {
      EXPECT_EQ(response.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
      continue;
    }
    EXPECT_EQ(response.error_code(), 0) << response.error_message();
    EXPECT_EQ(response.committed_size(), ++size);
  }
  EXPECT_FALSE(stream->Read(&response));
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(this->size(), size);
}

TEST_F(WriteCallsTest, AUnaryWriteAnswersAfterItsCommit) {
  Serve(sequencer_.get());
  for (int round = 0; round < 2; ++round) {
    grpc::ClientContext context;
    v1::WriteResponse response;
    const grpc::Status status =
        stub_->Write(&context, Request("t", Number(1)), &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.committed_size(), 1u);
    EXPECT_EQ(response.repeated_request(), round == 1);
  }
  grpc::ClientContext context;
  v1::WriteResponse response;
  EXPECT_EQ(
      stub_->Write(&context, Request("", Number(1)), &response).error_code(),
      grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(WriteCallsTest, AStreamHasSoManyRequestsUnderWay) {
  HeldSequencer held;
  Serve(&held);
  grpc::ClientContext context;
  const auto stream = stub_->WriteStream(&context);
  for (size_t i = 0; i < kStreamRequestsMax + 1; ++i) {
    ASSERT_TRUE(stream->Write(Request(Number(1), Number(1))));
  }
  ASSERT_TRUE(held.WaitForSubmitted(kStreamRequestsMax));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(held.submitted(), kStreamRequestsMax);
  held.AnswerOldest();
  EXPECT_TRUE(held.WaitForSubmitted(kStreamRequestsMax + 1));
  stream->WritesDone();
  for (size_t i = 0; i < kStreamRequestsMax; ++i) held.AnswerOldest();
  v1::WriteResponse response;
  for (size_t i = 0; i < kStreamRequestsMax + 1; ++i) {
    EXPECT_TRUE(stream->Read(&response));
  }
  EXPECT_TRUE(stream->Finish().ok());
}

// A client that waited for each answer is read ahead of again, soon after it
// began to send more at a time.
TEST_F(WriteCallsTest, AStreamThatWaitedMaySendAhead) {
  HeldSequencer held;
  Serve(&held);
  grpc::ClientContext context;
  const auto stream = stub_->WriteStream(&context);
  v1::WriteResponse response;
  size_t sent = 0;
  size_t answered = 0;
  const auto send = [&] {
    const std::string number = Number(static_cast<int>(sent++));
    ASSERT_TRUE(stream->Write(Request(number, number)));
  };
  const auto answer = [&] {
    ASSERT_TRUE(held.WaitForSubmitted(answered + 1));
    held.AnswerOldest();
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.transaction_id(), Number(static_cast<int>(answered)));
    ++answered;
  };
  for (int i = 0; i < 2 * kStreamWaitsAfter; ++i) {
    send();
    answer();
  }
  for (int i = 0; i < kStreamLooksAgain + 10; ++i) send();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(held.submitted(), answered + 1);  // one at a time
  for (int i = 0; i < kStreamLooksAgain; ++i) answer();
  EXPECT_TRUE(held.WaitForSubmitted(sent));  // all that are left
  while (answered < sent) answer();
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(WriteCallsTest, AStreamThatIsCutOffEndsWhenItsCommitsAreKnown) {
  HeldSequencer held;
  Serve(&held);
  grpc::ClientContext context;
  const auto stream = stub_->WriteStream(&context);
  ASSERT_TRUE(stream->Write(Request("1", Number(1))));
  ASSERT_TRUE(stream->Write(Request("2", Number(2))));
  ASSERT_TRUE(held.WaitForSubmitted(2));
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  std::thread answers([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    held.AnswerOldest();
    held.AnswerOldest();
  });
  Stop();  // waits for the stream
  answers.join();
}

TEST_F(WriteCallsTest, SoManyStreamsAtATime) {
  Serve(sequencer_.get());
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<Stream>> streams;
  v1::WriteResponse response;
  for (int i = 0; i < kWriteStreamsMax; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    streams.push_back(stub_->WriteStream(contexts.back().get()));
    ASSERT_TRUE(streams.back()->Write(Request(Number(i), Number(i))));
  }
  for (const auto& stream : streams) ASSERT_TRUE(stream->Read(&response));
  grpc::ClientContext one_more;
  const grpc::Status refused = stub_->WriteStream(&one_more)->Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(refused.error_message().find("512"), std::string::npos)
      << refused.error_message();
  for (const auto& stream : streams) {
    stream->WritesDone();
    EXPECT_TRUE(stream->Finish().ok());
  }
  for (int i = 0; i < 100; ++i) {
    grpc::ClientContext context;
    const auto stream = stub_->WriteStream(&context);
    stream->WritesDone();
    if (stream->Finish().ok()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  FAIL() << "ended streams are still counted";
}

TEST_F(WriteCallsTest, AStreamWhoseAnswersNobodyReadsIsEnded) {
  HeldSequencer held;
  Serve(&held);
  CommitOutcome more_than_a_window;
  more_than_a_window.results.resize(1 << 20, v1::CHANGE_RESULT_INSERTED);
  auto now = std::chrono::steady_clock::now();
  const auto look = [&] {
    calls_->EndUnread(now += transport::kAnswerPatience);
  };
  grpc::ClientContext context;
  const auto stream = stub_->WriteStream(&context);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(stream->Write(Request(Number(i), Number(i))));
  }
  ASSERT_TRUE(held.WaitForSubmitted(3));
  look();
  look();  // commits take long, and so no answer waits
  for (int i = 0; i < 3; ++i) held.AnswerOldest(more_than_a_window);
  look();  // the first waits
  v1::WriteResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_TRUE(stream->Read(&response));  // so the first is gone
  look();                                // a later one waits
  ASSERT_TRUE(stream->Write(Request(Number(3), Number(3))));
  ASSERT_TRUE(held.WaitForSubmitted(4));
  held.AnswerOldest(more_than_a_window);
  for (int i = 0; i < 20; ++i) {
    look();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  while (stream->Read(&response)) {
  }
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_THAT(status.error_message(),
              testing::HasSubstr("nobody has read this answer for 60 s"));
}

// A stream that is open when its owner's certificate is revoked writes nothing
// more.
TEST_F(WriteCallsTest, ARevokedOwnerIsRefusedInTheMiddleOfAStream) {
  Serve(sequencer_.get());
  grpc::ClientContext context;
  const auto stream = stub_->WriteStream(&context);
  v1::WriteResponse response;
  ASSERT_TRUE(stream->Write(Request("before", Number(1))));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.error_code(), 0u);
  const uint64_t size = log_->Head().size();
  service_->revoked = true;
  ASSERT_TRUE(stream->Write(Request("after", Number(2))));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.error_code(),
            static_cast<uint32_t>(grpc::StatusCode::PERMISSION_DENIED));
  EXPECT_EQ(log_->Head().size(), size);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

}  // namespace
}  // namespace tongchou::node
