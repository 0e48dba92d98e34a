// The province's end of the mirror of its own log; tongchou/v1/mirror.proto
// says what is promised.
#pragma once

#include <chrono>
#include <functional>

#include "aggregator/journal/journal.h"
#include "aggregator/service/access_guard.h"
#include "aggregator/service/own_head.h"
#include "common/base/mutex.h"
#include "common/exchange/mirror_piece.h"
#include "common/ledger/checkpoint.h"
#include "tongchou/v1/mirror.grpc.pb.h"

namespace tongchou::aggregator {

// A mirror hears at least so often, and answers.
inline constexpr auto kMirrorRound = std::chrono::milliseconds(1'000);

// Thread-safe.
class MirrorService final : public v1::Mirror::Service {
 public:
  // `came_back` is called after entries came back, before anything else is
  // appended: what the journal knows anew is to be looked at again.
  MirrorService(Journal* journal, OwnHead* head, AccessGuard* guard,
                std::function<absl::Status()> came_back)
      : journal_(*journal),
        head_(*head),
        guard_(*guard),
        came_back_(std::move(came_back)) {}

  using Stream = grpc::ServerReaderWriter<v1::MirrorRequest, v1::MirrorMessage>;
  grpc::Status Follow(grpc::ServerContext* context, Stream* stream) override;

 private:
  absl::Status Serve(grpc::ServerContext* context, Stream* stream);
  // Ends an older stream and waits until it is gone.
  void Enter(grpc::ServerContext* context);
  void Leave();
  // A piece that came back, against the log as it is here.
  absl::StatusOr<exchange::VerifiedPiece> VerifyBack(
      const v1::ProvinceLog& piece) const;
  absl::Status Refill(const ledger::Checkpoint& mirror, Stream* stream);
  absl::Status Feed(uint64_t from, grpc::ServerContext* context,
                    Stream* stream);
  absl::Status FeedPiece(ledger::CompactRange* range, Stream* stream);

  Journal& journal_;
  OwnHead& head_;
  AccessGuard& guard_;
  const std::function<absl::Status()> came_back_;
  base::Mutex mutex_;
  base::CondVar changed_;
  grpc::ServerContext* current_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace tongchou::aggregator
