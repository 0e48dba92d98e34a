#include "aggregator/transfer_commands.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/sync_stream.h>

#include <deque>
#include <memory>
#include <utility>

#include "common/base/progress_line.h"
#include "common/base/status.h"
#include "common/exchange/transfer_file.h"
#include "common/exchange/uplink.h"
#include "common/ledger/bundle.h"
#include "common/transport/channel.h"
#include "common/transport/grpc_status.h"
#include "tongchou/v1/transfer.grpc.pb.h"

namespace tongchou::aggregator {
namespace {

// Sends a file's messages as a node does, within the window.
class Sender {
 public:
  Sender(exchange::TransferReader* file, v1::ProvinceTransfer::Stub* stub)
      : file_(*file), stream_(stub->Import(&context_)) {}
  ~Sender() { context_.TryCancel(); }

  // Everything; the error is the province's.
  absl::Status Send();
  // What the province holds now, for the start of the node that greeted.
  const v1::Acknowledgement& acknowledgement() const { return answer_; }
  bool all_was_held() const { return any_read_ && !any_sent_; }

 private:
  absl::Status Greet();
  absl::Status SendBatch(v1::NodeMessage message);
  // The next answer; false when the stream has ended.
  bool ReadAnswer();
  absl::Status Ended();

  exchange::TransferReader& file_;
  grpc::ClientContext context_;
  const std::unique_ptr<
      grpc::ClientReaderWriter<v1::NodeMessage, v1::ProvinceMessage>>
      stream_;
  base::ProgressLine line_{"importing", base::kMebibytes};
  v1::Acknowledgement answer_;
  std::deque<std::pair<uint64_t, uint64_t>> in_flight_;  // end, bytes
  uint64_t in_flight_bytes_ = 0;
  bool any_read_ = false;
  bool any_sent_ = false;
};

// UINT64_MAX when it says none: the province finds out.
uint64_t EndOf(const std::string& bundle) {
  const auto range = ledger::PeekBundle(bundle);
  return range.ok() ? range->end() : UINT64_MAX;
}

// Bundles that the province holds are left out; what is signed is the end.
void LeaveOutHeld(uint64_t held, v1::Batch* batch) {
  auto* const bundles = batch->mutable_bundles();
  int known = 0;
  while (known < bundles->size() && EndOf(bundles->Get(known)) <= held) ++known;
  bundles->DeleteSubrange(0, known);
}

absl::Status Sender::Ended() {
  RETURN_IF_ERROR(transport::FromGrpc(stream_->Finish()));
  return base::AbortedError("the aggregator ended the import; try again");
}

bool Sender::ReadAnswer() {
  v1::ProvinceMessage message;
  if (!stream_->Read(&message)) return false;
  v1::Welcome* const welcome = answer_.mutable_welcome();
  if (message.has_welcome()) {
    *welcome = message.welcome();
  } else if (message.has_ack()) {
    const v1::Ack& ack = message.ack();
    welcome->set_durable_size(ack.durable_size());
    welcome->set_applied_size(ack.applied_size());
    welcome->set_province_time_us(ack.province_time_us());
    if (!ack.cosigned_checkpoint().empty()) {
      welcome->set_checkpoint(ack.cosigned_checkpoint());
    }
  }
  while (!in_flight_.empty() &&
         in_flight_.front().first <= welcome->durable_size()) {
    in_flight_bytes_ -= in_flight_.front().second;
    in_flight_.pop_front();
  }
  return true;
}

absl::Status Sender::Greet() {
  v1::NodeMessage message;
  ASSIGN_OR_RETURN(const bool any, file_.Next(&message));
  if (!any || !message.has_hello()) {
    return base::InvalidArgumentError("it does not begin with a greeting");
  }
  answer_.set_origin(message.hello().origin());
  *answer_.mutable_incarnation() = message.hello().incarnation();
  if (!stream_->Write(message) || !ReadAnswer()) return Ended();
  return absl::OkStatus();
}

absl::Status Sender::SendBatch(v1::NodeMessage message) {
  v1::Batch* const batch = message.mutable_batch();
  if (!any_sent_) {
    LeaveOutHeld(answer_.welcome().durable_size(), batch);
    any_read_ = true;
    if (batch->bundles().empty()) return absl::OkStatus();
  }
  const uint64_t end = EndOf(*batch->bundles().rbegin());
  const uint64_t bytes = exchange::BundleBytes(*batch);
  while (!in_flight_.empty() &&
         in_flight_bytes_ + bytes > exchange::kWindowBytesMax) {
    if (!ReadAnswer()) return Ended();
  }
  if (!stream_->Write(message)) return Ended();
  in_flight_.emplace_back(end, bytes);
  in_flight_bytes_ += bytes;
  any_sent_ = true;
  return absl::OkStatus();
}

absl::Status Sender::Send() {
  RETURN_IF_ERROR(Greet());
  v1::NodeMessage message;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, file_.Next(&message));
    if (!more) break;
    if (message.batch().bundles().empty()) {
      return base::InvalidArgumentError(
          "the message before byte {} is no batch of entries",
          file_.position());
    }
    RETURN_IF_ERROR(SendBatch(std::move(message)));
    line_.Show(file_.position(), file_.size());
  }
  stream_->WritesDone();
  while (ReadAnswer()) continue;
  RETURN_IF_ERROR(transport::FromGrpc(stream_->Finish()));
  if (in_flight_.empty()) return absl::OkStatus();
  return base::AbortedError("not everything was acknowledged; import it again");
}

}  // namespace

absl::Status ImportExport(const AggregatorConfig& config,
                          const std::string& path,
                          const std::string& acknowledgement) {
  ASSIGN_OR_RETURN(const auto file, exchange::TransferReader::Open(
                                        path, exchange::TransferKind::kExport));
  ASSIGN_OR_RETURN(
      const auto channel,
      transport::ConnectToSelf(config.listen, config.tls,
                               {base::Role::kAggregator, config.province}));
  const auto stub = v1::ProvinceTransfer::NewStub(channel);
  Sender sender(file.get(), stub.get());
  if (const absl::Status sent = sender.Send(); !sent.ok()) {
    return base::Annotate(sent, path);
  }
  ASSIGN_OR_RETURN(
      const auto out,
      exchange::TransferWriter::Create(
          acknowledgement, exchange::TransferKind::kAcknowledgement));
  RETURN_IF_ERROR(out->Add(sender.acknowledgement()));
  RETURN_IF_ERROR(out->Finish().status());
  const uint64_t size = sender.acknowledgement().welcome().durable_size();
  if (sender.all_was_held()) {
    return base::AlreadyExistsError(
        "{}: nothing new: the province holds {} entries of this city, all of "
        "the file are among them; the acknowledgement is in {}",
        path, size, acknowledgement);
  }
  fmt::print(
      "{}: the province holds {} entries; give {} back to the city's node "
      "(tongchou-node accept)\n",
      sender.acknowledgement().origin(), size, acknowledgement);
  return absl::OkStatus();
}

}  // namespace tongchou::aggregator
