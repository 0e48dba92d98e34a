#include "common/transport/answer_watch.h"

#include <grpc/grpc.h>

#include "common/base/identity.h"
#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/transport/grpc_status.h"
#include "common/transport/peer.h"

namespace tongchou::transport {
namespace {

// The identity, or the address of who has none.
std::string NameOf(const grpc::ServerContextBase& context) {
  const auto identity = PeerIdentity(context);
  if (!identity.ok()) return context.peer();
  return base::FormatIdentity(*identity).value_or(context.peer());
}

}  // namespace

void EndUnreadCall(grpc::ServerContextBase* context) {
  spdlog::warn(
      "answers: {} reads nothing of what it asked for; its call is ended",
      NameOf(*context));
  const grpc::Status status = ToGrpc(base::AbortedError(
      "nobody has read this answer for {} s, and others need its place; ask "
      "again, and read as it comes",
      kAnswerPatience.count()));
  // As TryCancel, with a status of ours.
  grpc_call_cancel_with_status(
      context->c_call(), static_cast<grpc_status_code>(status.error_code()),
      status.error_message().c_str(), nullptr);
}

uint64_t AnswerWatch::Begin(grpc::ServerContext* context) {
  const Time now = std::chrono::steady_clock::now();
  base::MutexLock lock(mutex_);
  writes_.emplace(++last_, Write{now, context});
  return last_;
}

void AnswerWatch::End(uint64_t write) {
  base::MutexLock lock(mutex_);
  writes_.erase(write);
}

// Under the mutex a write does not end, and so its call lives.
void AnswerWatch::EndUnread(Time now) {
  base::MutexLock lock(mutex_);
  // In the order in which they began.
  while (!writes_.empty() &&
         now - writes_.begin()->second.since >= kAnswerPatience) {
    EndUnreadCall(writes_.begin()->second.context);
    writes_.erase(writes_.begin());
  }
}

}  // namespace tongchou::transport
