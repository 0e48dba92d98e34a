#include "aggregator/service/mirror_service.h"

#include <utility>

#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/transport/grpc_status.h"

namespace tongchou::aggregator {
namespace {

constexpr std::string_view kCall = "Mirror.Follow";

absl::StatusOr<v1::MirrorMessage> Next(MirrorService::Stream* stream) {
  v1::MirrorMessage message;
  if (stream->Read(&message)) return message;
  return base::AbortedError("the mirror went away");
}

}  // namespace

void MirrorService::Enter(grpc::ServerContext* context) {
  base::MutexLock lock(mutex_);
  while (current_ != nullptr) {
    current_->TryCancel();
    changed_.WaitFor(mutex_, kMirrorRound);
  }
  current_ = context;
}

void MirrorService::Leave() {
  head_.MirrorLeft();
  base::MutexLock lock(mutex_);
  current_ = nullptr;
  changed_.NotifyAll();
}

grpc::Status MirrorService::Follow(grpc::ServerContext* context,
                                   Stream* stream) {
  const auto caller = guard_.Admit(*context, kCall);
  if (!caller.ok()) return transport::ToGrpc(caller.status());
  Enter(context);
  const absl::Status status = Serve(context, stream);
  Leave();
  spdlog::warn("mirror: ended: {}", base::Describe(status));
  return transport::ToGrpc(status);
}

absl::Status MirrorService::Serve(grpc::ServerContext* context,
                                  Stream* stream) {
  ASSIGN_OR_RETURN(const v1::MirrorMessage first, Next(stream));
  if (!first.has_hello() || first.hello().origin() != head_.verifier().name) {
    return base::InvalidArgumentError(
        "a mirror of {} starts with MirrorHello for that log",
        head_.verifier().name);
  }
  ASSIGN_OR_RETURN(const ledger::Checkpoint shown,
                   head_.MirrorShows(first.hello().checkpoint()));
  if (shown.size > journal_.own_log().Head().size()) {
    RETURN_IF_ERROR(Refill(shown, stream));
  }
  RETURN_IF_ERROR(head_.MirrorAgrees(shown));
  spdlog::info("mirror: connected, it keeps {} entries", shown.size);
  v1::Access access;
  ASSIGN_OR_RETURN(const transport::Caller caller,
                   transport::AdmitCaller(*context, kCall));
  access.set_reader(caller.uri);
  access.set_call(std::string(kCall));
  access.set_purpose(v1::Purpose_Name(v1::PURPOSE_AUDIT));
  access.set_predicate(
      fmt::format("{} from entry {}", first.hello().origin(), shown.size));
  RETURN_IF_ERROR(guard_.Record(access));
  return Feed(shown.size, context, stream);
}

absl::StatusOr<exchange::VerifiedPiece> MirrorService::VerifyBack(
    const v1::ProvinceLog& piece) const {
  const ledger::LogHead head = journal_.own_log().Head();
  if (piece.bundles().empty()) {
    return base::DataLossError("nothing came behind entry {}", head.size());
  }
  return exchange::VerifyPiece(piece, head, head_.verifier());
}

// Nothing else is appended meanwhile: the journal asks OwnHead.
absl::Status MirrorService::Refill(const ledger::Checkpoint& mirror,
                                   Stream* stream) {
  uint64_t size = journal_.own_log().Head().size();
  spdlog::warn("mirror: it keeps {} entries, here are {}: bringing them back",
               mirror.size, size);
  v1::MirrorRequest wanted;
  wanted.mutable_wanted()->set_from_size(size);
  if (!stream->Write(wanted)) {
    return base::AbortedError("the mirror went away");
  }
  while (size < mirror.size) {
    ASSIGN_OR_RETURN(const v1::MirrorMessage message, Next(stream));
    const auto piece = VerifyBack(message.back());
    if (!piece.ok()) {
      head_.MirrorContradicts(
          fmt::format("the mirror sent back what does not continue the log: {}",
                      base::Message(piece.status())));
      return piece.status();
    }
    RETURN_IF_ERROR(journal_.Refill(piece->commit));
    size = piece->head.size;
  }
  ASSIGN_OR_RETURN(const ledger::Hash root,
                   journal_.own_log().RootAt(mirror.size));
  if (root != mirror.root) {
    head_.MirrorContradicts("the mirror signed another log than it sent back");
    return base::DataLossError("what came back is not what the mirror showed");
  }
  spdlog::warn("mirror: the own log is whole again, {} entries", size);
  return came_back_();
}

absl::Status MirrorService::Feed(uint64_t from, grpc::ServerContext* context,
                                 Stream* stream) {
  ASSIGN_OR_RETURN(ledger::CompactRange range,
                   journal_.own_log().RangeAt(from));
  transport::PeerWatch watch = guard_.Watch(*context);
  while (!context->IsCancelled()) {
    RETURN_IF_ERROR(watch.Check());
    RETURN_IF_ERROR(FeedPiece(&range, stream));
  }
  return base::AbortedError("the mirror went away");
}

absl::Status MirrorService::FeedPiece(ledger::CompactRange* range,
                                      Stream* stream) {
  const uint64_t to =
      std::max(head_.AwaitWanted(range->size(), kMirrorRound), range->size());
  v1::MirrorRequest request;
  ASSIGN_OR_RETURN(*request.mutable_piece(),
                   exchange::ReadPiece(
                       journal_.own_log(), to,
                       [&](const ledger::CompactRange& end)
                           -> absl::StatusOr<std::optional<std::string>> {
                         return head_.DraftFor(end);
                       },
                       range));
  if (!stream->Write(request)) {
    return base::AbortedError("the mirror went away");
  }
  ASSIGN_OR_RETURN(const v1::MirrorMessage answer, Next(stream));
  if (!answer.has_kept() || answer.kept().size() != range->size()) {
    return base::InvalidArgumentError(
        "the mirror was sent everything up to {} and answers something else",
        range->size());
  }
  return head_.MirrorKeeps(
      {head_.verifier().name, range->size(), range->Root()});
}

}  // namespace tongchou::aggregator
