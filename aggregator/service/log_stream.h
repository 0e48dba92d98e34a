// A log as a stream of messages that have `bundles` and `checkpoints`: a city's
// out of the journal for auditors and for the city itself, and the province's
// own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aggregator/journal/journal.h"
#include "common/base/status.h"
#include "common/transport/answer_watch.h"

namespace tongchou::aggregator {

inline constexpr size_t kLogMessageBytesTarget = 1 << 20;

// Where the bundles and heads of one log come from.
class LogSource {
 public:
  struct Bundle {
    uint64_t first_sequence = 0;
    uint64_t count = 0;
    std::string bytes;
  };
  using Visit = std::function<bool(Bundle&&)>;

  virtual ~LogSource() = default;
  // Entries that are there, verified or signed.
  virtual absl::StatusOr<uint64_t> Size() const = 0;
  // From the bundle that holds `sequence` on, until `visit` returns false.
  virtual absl::Status ReadBundles(uint64_t sequence,
                                   const Visit& visit) const = 0;
  // Signed notes with from < size <= to, in order.
  virtual absl::StatusOr<std::vector<std::string>> Notes(uint64_t from,
                                                         uint64_t to) const = 0;
};

std::unique_ptr<LogSource> CityLogSource(const Journal& journal, uint32_t city);
// Up to its newest signed head.
std::unique_ptr<LogSource> OwnLogSource(const ledger::LogStore& log);

// Bundles [from, to), each message with the checkpoints up to its end.
// `admitted` is asked before each message; its error ends the stream.
// OUT_OF_RANGE when no bundle begins at `from`; ABORTED when the reader went
// away.
template <typename Response>
absl::Status StreamLog(const LogSource& log, uint64_t from, uint64_t to,
                       const transport::Answers<Response>& answers,
                       const std::function<absl::Status()>& admitted) {
  Response response;
  size_t bytes = 0;
  uint64_t sent = from;
  uint64_t end = from;
  const auto send = [&]() -> absl::Status {
    RETURN_IF_ERROR(admitted());
    ASSIGN_OR_RETURN(auto notes, log.Notes(sent, end));
    for (std::string& note : notes) {
      response.add_checkpoints(std::move(note));
    }
    if (!answers.Write(response)) {
      return base::AbortedError("the reader went away");
    }
    response.Clear();
    bytes = 0;
    sent = end;
    return absl::OkStatus();
  };
  absl::Status status;
  RETURN_IF_ERROR(log.ReadBundles(from, [&](LogSource::Bundle&& bundle) {
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
