// The calls that write. The sequencer's thread answers them, so no thread waits
// for a commit, however many clients there are.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <unordered_set>

#include "common/base/mutex.h"
#include "common/transport/answer_watch.h"
#include "node/commit_clock.h"
#include "node/sequencer.h"
#include "tongchou/v1/node.grpc.pb.h"

namespace tongchou::node {

// Write streams that a node serves at a time; another gets RESOURCE_EXHAUSTED.
inline constexpr int kWriteStreamsMax = 512;
// Of one identity.
inline constexpr int kWriteStreamsPerPeerMax = 256;
// Requests of one stream that are read but not answered; further ones wait in
// the connection.
inline constexpr size_t kStreamRequestsMax = 32;
// After so many requests in a row that came when every other had its answer,
// the stream's client waits for each, and the next is read with the answer. At
// each so many requests that begins anew, for clients may change.
inline constexpr int kStreamWaitsAfter = 4;
inline constexpr int kStreamLooksAgain = 64;

using WriteReactor =
    grpc::ServerBidiReactor<v1::WriteRequest, v1::WriteResponse>;

class StreamReactor;

// Thread-safe. Must outlive the calls it started.
class WriteCalls {
 public:
  // `city` six digits; `synthetic` allows the numbers of synthetic people.
  WriteCalls(uint32_t city, bool synthetic, Sequencer* sequencer,
             const CommitClock* clock)
      : city_(city),
        synthetic_(synthetic),
        sequencer_(*sequencer),
        clock_(*clock) {}

  // The contracts of tongchou/v1/node.proto. `actor` is the caller's pseudonym,
  // `source` as in WriteGroup.
  void Write(uint64_t actor, uint64_t source, const v1::WriteRequest& request,
             v1::WriteResponse* response, grpc::ServerUnaryReactor* reactor);
  // The reactors delete themselves at the end of the call. `admitted` is asked
  // before every request of the stream; its error is the answer.
  WriteReactor* Stream(grpc::CallbackServerContext* context, uint64_t actor,
                       std::function<absl::Status()> admitted = nullptr);
  // A stream that ends with the error before it began.
  static WriteReactor* Refuse(const absl::Status& status);

  // Ends with ABORTED each stream of which nobody takes an answer, once two
  // calls of this, kAnswerPatience apart, have seen the same one wait. To be
  // called once a second.
  void EndUnread(transport::AnswerWatch::Time now);

 private:
  friend class StreamReactor;
  absl::StatusOr<WriteGroup> Check(uint64_t actor,
                                   const v1::WriteRequest& request) const;

  const uint32_t city_;
  const bool synthetic_;
  Sequencer& sequencer_;
  const CommitClock& clock_;
  base::Mutex mutex_;
  std::unordered_set<StreamReactor*> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tongchou::node
