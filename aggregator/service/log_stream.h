// A city's log out of the journal as a stream of messages that have `bundles`
// and `checkpoints`: for auditors, and for the city itself.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "aggregator/journal/journal.h"
#include "common/base/status.h"

namespace tongchou::aggregator {

inline constexpr size_t kLogMessageBytesTarget = 1 << 20;

// Bundles [from, to), each message with the checkpoints up to its end.
// OUT_OF_RANGE when no bundle begins at `from`; ABORTED when the reader went
// away.
template <typename Response>
absl::Status StreamLog(const Journal& journal, uint32_t city, uint64_t from,
                       uint64_t to, grpc::ServerWriter<Response>* writer) {
  Response response;
  size_t bytes = 0;
  uint64_t sent = from;
  uint64_t end = from;
  const auto send = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto checkpoints,
                     journal.Checkpoints(city, sent, end));
    for (const JournalCheckpoint& one : checkpoints) {
      response.add_checkpoints(one.note);
    }
    if (!writer->Write(response)) {
      return base::AbortedError("the reader went away");
    }
    response.Clear();
    bytes = 0;
    sent = end;
    return absl::OkStatus();
  };
  absl::Status status;
  RETURN_IF_ERROR(journal.ReadCity(city, from, [&](JournalBundle&& bundle) {
    if (bundle.first_sequence != end) {
      status = base::OutOfRangeError("no bundle begins at {}", end);
      return false;
    }
    if (bundle.first_sequence + bundle.count > to) return false;
    end += bundle.count;
    bytes += bundle.bytes.size();
    response.add_bundles(std::move(bundle.bytes));
    if (bytes >= kLogMessageBytesTarget) status = send();
    return status.ok();
  }));
  RETURN_IF_ERROR(status);
  return bytes > 0 ? send() : absl::OkStatus();
}

}  // namespace tongchou::aggregator
