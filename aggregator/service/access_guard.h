// The aggregator's door: who may call, whose certificate was revoked, who read
// what and who was refused. The table is that of common/transport/access.h.
#pragma once

#include <grpcpp/server_context.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "aggregator/service/journal_writer.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/base/sha256.h"
#include "common/transport/access.h"
#include "common/transport/answer_watch.h"
#include "common/transport/revocations.h"
#include "tongchou/v1/common.pb.h"

namespace tongchou::aggregator {

// Persons that one entry names.
inline constexpr int kAccessPersonsMax = 200;
// Characters of a document's number.
inline constexpr size_t kDocumentCharactersMax = 100;
// Callers whose refusals are counted apart within a minute; more are counted
// as one.
inline constexpr size_t kRefusedCallersMax = 1'000;

// Thread-safe.
class AccessGuard {
 public:
  AccessGuard(JournalWriter* writer, base::Clock* clock)
      : writer_(*writer), clock_(*clock) {}

  // PERMISSION_DENIED, and counted, unless the caller may make the call.
  // RESOURCE_EXHAUSTED while too many are served; what comes back is kept as
  // long as the call.
  absl::StatusOr<transport::Caller> Admit(
      const grpc::ServerContextBase& context, std::string_view call);
  // The same for a request that reads personal data: who has to say why does.
  // INVALID_ARGUMENT says what is missing.
  absl::StatusOr<transport::Caller> AdmitReader(
      const grpc::ServerContextBase& context, std::string_view call,
      const v1::ReadReason& reason);
  // For streams, to be asked once in a while: PERMISSION_DENIED when the
  // certificate was revoked meanwhile.
  transport::PeerWatch Watch(const grpc::ServerContextBase& context) const {
    return {revocations_, context};
  }

  // Streaming answers are written under it.
  transport::AnswerWatch& answers() { return answers_; }

  // Durable in the province's log when it returns OK; before that nothing of
  // the answer may leave.
  absl::Status Record(const v1::Access& access) {
    return writer_.Record(AccessEntry(access));
  }

  transport::Revocations& revocations() { return revocations_; }

  // Writes the refusals of minutes that are over; once a second, and with
  // `all` at the end.
  void WriteRefusals(bool all);

 private:
  void Refused(const grpc::ServerContextBase& context, std::string_view call);

  JournalWriter& writer_;
  base::Clock& clock_;
  transport::Revocations revocations_;
  transport::AnswerWatch answers_;
  transport::PeerLimits limits_{transport::kCallsPerPeerMax,
                                transport::kPeopleCallsMax};
  base::Mutex mutex_;
  std::map<std::string, v1::Refusals> refusals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tongchou::aggregator
