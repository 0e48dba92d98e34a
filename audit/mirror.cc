#include "audit/mirror.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/exchange/mirror_piece.h"
#include "common/ledger/checkpoint.h"
#include "common/transport/channel.h"
#include "common/transport/grpc_status.h"
#include "tongchou/v1/mirror.grpc.pb.h"

namespace tongchou::audit {
namespace {

constexpr auto kRetry = std::chrono::milliseconds(500);
// When the province said that it will not have this mirror as things are.
constexpr auto kRefusedRetry = std::chrono::milliseconds(5'000);

using Stream = grpc::ClientReaderWriter<v1::MirrorMessage, v1::MirrorRequest>;

absl::Status Send(const v1::MirrorMessage& message, Stream* stream) {
  if (stream->Write(message)) return absl::OkStatus();
  return base::AbortedError("the province went away");
}

// Everything from there on, as it was kept.
absl::Status GiveBack(const MirrorStore& store, uint64_t from, Stream* stream) {
  ASSIGN_OR_RETURN(ledger::CompactRange range, store.RangeAt(from));
  while (range.size() < store.size()) {
    v1::MirrorMessage message;
    ASSIGN_OR_RETURN(*message.mutable_back(), store.Give(&range));
    RETURN_IF_ERROR(Send(message, stream));
  }
  return absl::OkStatus();
}

// What another try can mend: the province is away, or refuses for now, or the
// disk is full.
bool IsPassing(const absl::Status& status) {
  return !absl::IsDataLoss(status) && !absl::IsInternal(status) &&
         !absl::IsInvalidArgument(status);
}

}  // namespace

absl::StatusOr<std::unique_ptr<MirrorStore>> MirrorStore::Open(
    const std::string& directory, const ledger::VerifierKey& key) {
  ledger::LogStoreOptions options;
  options.directory = directory + "/log";
  ASSIGN_OR_RETURN(auto log, ledger::LogStore::Open(options));
  return Open(directory, key, std::move(log));
}

absl::StatusOr<std::unique_ptr<MirrorStore>> MirrorStore::Open(
    const std::string& directory, const ledger::VerifierKey& key,
    std::unique_ptr<ledger::LogStore> log) {
  std::unique_ptr<MirrorStore> store(
      new MirrorStore(directory, key, std::move(log)));
  const uint64_t size = store->size();
  if (size == 0) return store;
  ASSIGN_OR_RETURN(store->note_, store->NoteAt(size));
  const auto head = ledger::OpenCheckpoint(store->note_, key);
  if (!head.ok()) {
    return base::DataLossError(
        "{}: the head at the end of the mirror is not of the pinned key: {}",
        directory, base::Message(head.status()));
  }
  ASSIGN_OR_RETURN(const ledger::Hash root, store->log_->RootAt(size));
  if (head->size == size && head->root == root) return store;
  return base::DataLossError(
      "{}: the mirror does not end with a head; keep it, and begin another in "
      "an empty directory",
      directory);
}

// Empty where there is none.
absl::StatusOr<std::string> MirrorStore::NoteAt(uint64_t size) const {
  ASSIGN_OR_RETURN(const auto note, log_->CheckpointAtOrBefore(size));
  if (!note.has_value()) return std::string();
  ASSIGN_OR_RETURN(const ledger::Checkpoint head,
                   ledger::ReadCheckpoint(*note));
  return head.size == size ? *note : std::string();
}

absl::Status MirrorStore::Take(const v1::ProvinceLog& piece) {
  const auto verified = exchange::VerifyPiece(piece, log_->Head(), key_);
  if (!verified.ok()) {
    return KeepContradiction(piece.checkpoint(), verified.status());
  }
  if (verified->commit.bundles.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(log_->Append(verified->commit));
  note_ = verified->commit.checkpoint;
  return absl::OkStatus();
}

absl::Status MirrorStore::KeepContradiction(const std::string& offered,
                                            const absl::Status& why) const {
  if (!absl::IsDataLoss(why)) return why;
  const std::string path =
      fmt::format("{}/contradiction-{}.txt", directory_, size());
  RETURN_IF_ERROR(base::WriteFileDurably(
      path, fmt::format("{}\n\nkept:\n{}\noffered:\n{}\n", base::Message(why),
                        note_, offered)));
  return base::DataLossError(
      "{}; both heads are in {}: keep the mirror and call the province",
      base::Message(why), path);
}

absl::StatusOr<v1::ProvinceLog> MirrorStore::Give(
    ledger::CompactRange* range) const {
  return exchange::ReadPiece(
      *log_, size(),
      [this](const ledger::CompactRange& end)
          -> absl::StatusOr<std::optional<std::string>> {
        ASSIGN_OR_RETURN(std::string note, NoteAt(end.size()));
        if (note.empty()) return std::optional<std::string>();
        return std::optional<std::string>(std::move(note));
      },
      range);
}

void MirrorRun::Stop() {
  base::MutexLock lock(mutex_);
  stopping_ = true;
  if (context_ != nullptr) context_->TryCancel();
  changed_.NotifyAll();
}

bool MirrorRun::stopping() const {
  base::MutexLock lock(mutex_);
  return stopping_;
}

bool MirrorRun::WaitForRetry(std::chrono::milliseconds wait) {
  const auto until = std::chrono::steady_clock::now() + wait;
  base::MutexLock lock(mutex_);
  while (!stopping_) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(
        until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return true;
    changed_.WaitFor(mutex_, left);
  }
  return false;
}

absl::Status MirrorRun::Run() {
  RETURN_IF_ERROR(
      transport::CheckTlsFiles(options_.tls, {base::Role::kMirror, {}}));
  std::string said;
  absl::Status status;
  do {
    status = Follow();
    if (stopping()) break;
    if (!IsPassing(status)) return status;
    std::string text = base::Describe(status);
    if (text != said) options_.say("not connected: " + text);
    said = std::move(text);
  } while (WaitForRetry(absl::IsFailedPrecondition(status) ? kRefusedRetry
                                                           : kRetry));
  return absl::OkStatus();
}

// Handles one stream to its end; what the province says last is the reason.
absl::Status MirrorRun::Follow() {
  ASSIGN_OR_RETURN(const auto channel,
                   transport::MakeChannel(options_.aggregator, options_.tls,
                                          {base::Role::kAggregator, {}}));
  const auto stub = v1::Mirror::NewStub(channel);
  grpc::ClientContext context;
  {
    base::MutexLock lock(mutex_);
    if (stopping_) return absl::OkStatus();
    context_ = &context;
  }
  const auto stream = stub->Follow(&context);
  const auto run = [&]() -> absl::Status {
    v1::MirrorMessage hello;
    hello.mutable_hello()->set_origin(origin_);
    hello.mutable_hello()->set_checkpoint(store_.note());
    RETURN_IF_ERROR(Send(hello, stream.get()));
    v1::MirrorRequest request;
    bool first = true;
    while (stream->Read(&request)) {
      if (request.has_wanted()) {
        options_.say(
            fmt::format("giving back what the province lost, from "
                        "entry {} on",
                        request.wanted().from_size()));
        RETURN_IF_ERROR(
            GiveBack(store_, request.wanted().from_size(), stream.get()));
        continue;
      }
      RETURN_IF_ERROR(store_.Take(request.piece()));
      if (std::exchange(first, false)) options_.say("connected");
      v1::MirrorMessage kept;
      kept.mutable_kept()->set_size(store_.size());
      RETURN_IF_ERROR(Send(kept, stream.get()));
    }
    return base::AbortedError("the province ended the stream");
  };
  const absl::Status status = run();
  // Only a stream that the province ended has a reason of its own.
  if (!absl::IsAborted(status)) context.TryCancel();
  const absl::Status ended = transport::FromGrpc(stream->Finish());
  base::MutexLock lock(mutex_);
  context_ = nullptr;
  return absl::IsAborted(status) && !ended.ok() ? ended : status;
}

}  // namespace tongchou::audit
