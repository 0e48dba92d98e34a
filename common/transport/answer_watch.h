// Ends calls whose answers nobody reads. A streaming answer waits in its write
// for as long as its reader takes nothing: on a thread of the server, and in
// the caller's place among those that are served.
#pragma once

#include <grpcpp/server_context.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>

#include "common/base/mutex.h"

namespace tongchou::transport {

// How long one message of an answer waits for its reader.
inline constexpr std::chrono::seconds kAnswerPatience{60};

// Ends the call with ABORTED, in words and in the log. It lives meanwhile.
void EndUnreadCall(grpc::ServerContextBase* context);

// Thread-safe. Outlives the calls that it watches.
class AnswerWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Ends with ABORTED each call that has waited in a write for kAnswerPatience;
  // the write returns false then. To be called once a second.
  void EndUnread(Time now);

 private:
  template <typename Response>
  friend class Answers;

  struct Write {
    Time since;
    grpc::ServerContext* context;
  };

  uint64_t Begin(grpc::ServerContext* context);
  void End(uint64_t write);

  base::Mutex mutex_;
  uint64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, Write> writes_ ABSL_GUARDED_BY(mutex_);
};

// The messages of one call's answer, watched. One writer at a time.
template <typename Response>
class Answers {
 public:
  // `stream` is the call's ServerWriter or ServerReaderWriter.
  template <typename Stream>
  Answers(AnswerWatch* watch, grpc::ServerContext* context, Stream* stream)
      : watch_(*watch),
        context_(context),
        write_([stream](const Response& response) {
          return stream->Write(response);
        }) {}

  // False when nobody reads any more, or for too long: the call is over.
  bool Write(const Response& response) const {
    const uint64_t write = watch_.Begin(context_);
    const bool written = write_(response);
    watch_.End(write);
    return written;
  }

 private:
  AnswerWatch& watch_;
  grpc::ServerContext* const context_;
  const std::function<bool(const Response&)> write_;
};

}  // namespace tongchou::transport
