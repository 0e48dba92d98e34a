#include "node/write_calls.h"

#include <deque>
#include <optional>
#include <utility>

#include "common/base/cpu_account.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/transport/grpc_status.h"
#include "node/write_request.h"

namespace tongchou::node {
namespace {

base::CpuAccount checking("check");

using Outcome = absl::StatusOr<CommitOutcome>;

void Fill(const CommitOutcome& outcome, v1::WriteResponse* response) {
  for (const v1::ChangeResult result : outcome.results) {
    response->add_results(result);
  }
  response->set_committed_size(outcome.committed_size);
  response->set_repeated_request(outcome.repeated);
}

class Refusal final : public WriteReactor {
 public:
  explicit Refusal(const absl::Status& status) {
    Finish(transport::ToGrpc(status));
  }
  void OnDone() override { delete this; }
};

// The answer to one request of a stream.
struct Answer {
  v1::WriteResponse response;
  bool known = false;
};

}  // namespace

// One WriteStream. Events come from threads of gRPC and of the sequencer; what
// they lead to is decided under the mutex and done after it, since gRPC may
// call back.
class StreamReactor final : public WriteReactor {
 public:
  using Time = transport::AnswerWatch::Time;

  StreamReactor(WriteCalls* calls, grpc::CallbackServerContext* context,
                uint64_t actor, std::function<absl::Status()> admitted)
      : calls_(*calls),
        context_(context),
        actor_(actor),
        admitted_(std::move(admitted)) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override {
    {
      base::MutexLock lock(calls_.mutex_);
      calls_.streams_.erase(this);
    }
    delete this;
  }
  // The call lives meanwhile.
  void EndIfUnread(Time now);

 private:
  struct Steps {
    const v1::WriteResponse* write = nullptr;
    bool read = false;
    bool finish = false;
  };

  void SetAnswer(Answer* answer, const Outcome& outcome);
  Steps Next() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool ReadsNow() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Do(const Steps& steps);

  WriteCalls& calls_;
  grpc::CallbackServerContext* const context_;
  const uint64_t actor_;
  const std::function<absl::Status()> admitted_;
  v1::WriteRequest request_;

  base::Mutex mutex_;
  std::deque<Answer> answers_ ABSL_GUARDED_BY(mutex_);
  bool reading_ ABSL_GUARDED_BY(mutex_) = true;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool reads_ended_ ABSL_GUARDED_BY(mutex_) = false;
  // Requests in a row that came when every other had its answer.
  int alone_ ABSL_GUARDED_BY(mutex_) = 0;
  // Since when the answer that is being written is known to wait.
  std::optional<Time> waits_since_ ABSL_GUARDED_BY(mutex_);
};

void StreamReactor::OnReadDone(bool ok) {
  Answer* answer = nullptr;
  Steps steps;
  {
    base::MutexLock lock(mutex_);
    if (ok) {
      const bool alone = answers_.size() == (writing_ ? 1 : 0);
      alone_ = alone ? (alone_ + 1) % kStreamLooksAgain : 0;
      answer = &answers_.emplace_back();
      answer->response.set_transaction_id(request_.transaction_id());
    } else {
      reads_ended_ = true;
      steps = Next();
    }
  }
  if (!ok) return Do(steps);
  const absl::Status admitted =
      admitted_ == nullptr ? absl::OkStatus() : admitted_();
  absl::StatusOr<WriteGroup> group =
      admitted.ok() ? calls_.Check(actor_, request_) : admitted;
  if (group.ok()) {
    group->source = reinterpret_cast<uintptr_t>(this);
    calls_.sequencer_.Submit(
        *std::move(group),
        [this, answer](const Outcome& outcome) { SetAnswer(answer, outcome); });
  } else {
    SetAnswer(answer, group.status());
  }
  {
    base::MutexLock lock(mutex_);
    reading_ = false;
    steps = Next();
  }
  Do(steps);
}

void StreamReactor::SetAnswer(Answer* answer, const Outcome& outcome) {
  Steps steps;
  {
    base::MutexLock lock(mutex_);
    if (outcome.ok()) {
      Fill(*outcome, &answer->response);
    } else {
      answer->response.set_error_code(
          static_cast<int>(outcome.status().code()));
      answer->response.set_error_message(
          std::string(base::Message(outcome.status())));
    }
    answer->known = true;
    steps = Next();
  }
  Do(steps);
}

void StreamReactor::OnWriteDone(bool) {
  Steps steps;
  {
    base::MutexLock lock(mutex_);
    writing_ = false;
    waits_since_.reset();
    answers_.pop_front();
    steps = Next();
  }
  Do(steps);
}

void StreamReactor::EndIfUnread(Time now) {
  {
    base::MutexLock lock(mutex_);
    if (!writing_) return;
    if (!waits_since_.has_value()) waits_since_ = now;
    if (now - *waits_since_ < transport::kAnswerPatience) return;
    waits_since_.reset();
  }
  transport::EndUnreadCall(context_);
}

// A stream that broke runs empty: writes and reads fail, answers come in. It
// ends when nothing is read, written or awaited, so `this` outlives every step.
StreamReactor::Steps StreamReactor::Next() {
  Steps steps;
  if (!writing_ && !answers_.empty() && answers_.front().known) {
    writing_ = true;
    steps.write = &answers_.front().response;
  }
  if (!reading_ && !reads_ended_ && ReadsNow()) steps.read = reading_ = true;
  steps.finish = reads_ended_ && answers_.empty();
  return steps;
}

// A reader that waits has gRPC tell the client at once how much it may send, as
// a message of its own; with an answer that goes along. So where the client
// waits for each answer anyway, the next read begins behind it.
bool StreamReactor::ReadsNow() const {
  if (alone_ >= kStreamWaitsAfter && !writing_) return answers_.empty();
  return answers_.size() < kStreamRequestsMax;
}

void StreamReactor::Do(const Steps& steps) {
  if (steps.write != nullptr) StartWrite(steps.write);
  if (steps.read) StartRead(&request_);
  if (steps.finish) Finish(grpc::Status::OK);
}

absl::StatusOr<WriteGroup> WriteCalls::Check(
    uint64_t actor, const v1::WriteRequest& request) const {
  const base::CpuScope scope(checking);
  ASSIGN_OR_RETURN(WriteGroup group,
                   ToWriteGroup(request, {city_, clock_.Today(), synthetic_}));
  group.actor = actor;
  return group;
}

void WriteCalls::Write(uint64_t actor, uint64_t source,
                       const v1::WriteRequest& request,
                       v1::WriteResponse* response,
                       grpc::ServerUnaryReactor* reactor) {
  response->set_transaction_id(request.transaction_id());
  absl::StatusOr<WriteGroup> group = Check(actor, request);
  if (!group.ok()) return reactor->Finish(transport::ToGrpc(group.status()));
  group->source = source;
  sequencer_.Submit(*std::move(group),
                    [response, reactor](const Outcome& outcome) {
                      if (outcome.ok()) Fill(*outcome, response);
                      reactor->Finish(transport::ToGrpc(outcome.status()));
                    });
}

WriteReactor* WriteCalls::Stream(grpc::CallbackServerContext* context,
                                 uint64_t actor,
                                 std::function<absl::Status()> admitted) {
  {
    base::MutexLock lock(mutex_);
    if (std::ssize(streams_) < kWriteStreamsMax) {
      return *streams_
                  .insert(new StreamReactor(this, context, actor,
                                            std::move(admitted)))
                  .first;
    }
  }
  return Refuse(base::ResourceExhaustedError(
      "this node serves {} write streams at a time: close some, or write more "
      "transactions over one",
      kWriteStreamsMax));
}

// Under the mutex a stream does not end, and so its call lives.
void WriteCalls::EndUnread(transport::AnswerWatch::Time now) {
  base::MutexLock lock(mutex_);
  for (StreamReactor* const stream : streams_) stream->EndIfUnread(now);
}

WriteReactor* WriteCalls::Refuse(const absl::Status& status) {
  return new Refusal(status);
}

}  // namespace tongchou::node
