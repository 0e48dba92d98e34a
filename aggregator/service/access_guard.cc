#include "aggregator/service/access_guard.h"

#include <algorithm>

#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/records/text_encoding.h"
#include "common/transport/peer.h"

namespace tongchou::aggregator {
namespace {

constexpr int64_t kRefusalsMicros = 60 * base::kMicrosPerSecond;

}  // namespace

absl::StatusOr<transport::Caller> AccessGuard::Admit(
    const grpc::ServerContextBase& context, std::string_view call) {
  auto caller = transport::AdmitCaller(context, call);
  if (caller.ok()) {
    absl::Status status = Watch(context).Check();
    if (!status.ok()) caller = std::move(status);
  }
  if (!caller.ok()) {
    Refused(context, call);
    return caller;
  }
  const base::Role role = caller->identity.role;
  const bool is_person =
      role != base::Role::kCityNode && role != base::Role::kMirror;
  ASSIGN_OR_RETURN(caller->place, limits_.Enter(caller->uri, is_person));
  return caller;
}

absl::StatusOr<transport::Caller> AccessGuard::AdmitReader(
    const grpc::ServerContextBase& context, std::string_view call,
    const v1::ReadReason& reason) {
  ASSIGN_OR_RETURN(transport::Caller caller, Admit(context, call));
  if (caller.permit != transport::Permit::kWithPurpose) return caller;
  if (reason.purpose() == v1::PURPOSE_UNSPECIFIED ||
      !v1::Purpose_IsValid(reason.purpose()) || reason.document().empty()) {
    return base::InvalidArgumentError(
        "personal data are read for a purpose and by a document or case: name "
        "both (--purpose, --document)");
  }
  if (records::CountCharacters(reason.document()) > kDocumentCharactersMax) {
    return base::InvalidArgumentError(
        "the document's number has at most {} characters",
        kDocumentCharactersMax);
  }
  return caller;
}

void AccessGuard::Refused(const grpc::ServerContextBase& context,
                          std::string_view call) {
  const auto peer = transport::PeerIdentity(context);
  std::string caller;
  if (peer.ok()) caller = base::FormatIdentity(*peer).value_or("");
  const int64_t now = clock_.NowMicros();
  base::MutexLock lock(mutex_);
  if (refusals_.size() >= kRefusedCallersMax && !refusals_.contains(caller)) {
    caller.clear();
  }
  v1::Refusals& refusals = refusals_[caller];
  if (refusals.from_us() == 0) {
    refusals.set_caller(caller);
    refusals.set_address(context.peer());
    refusals.set_from_us(now);
  }
  ++(*refusals.mutable_calls())[std::string(call)];
}

void AccessGuard::WriteRefusals(bool all) {
  std::vector<v1::Refusals> due;
  {
    base::MutexLock lock(mutex_);
    const int64_t before = clock_.NowMicros() - kRefusalsMicros;
    for (auto it = refusals_.begin(); it != refusals_.end();) {
      if (!all && it->second.from_us() > before) {
        ++it;
        continue;
      }
      due.push_back(std::move(it->second));
      it = refusals_.erase(it);
    }
  }
  for (const v1::Refusals& refusals : due) {
    const absl::Status status = writer_.Record(RefusalsEntry(refusals));
    if (!status.ok()) {
      spdlog::error("refusals of {} are not in the log: {}", refusals.caller(),
                    base::Describe(status));
    }
  }
}

}  // namespace tongchou::aggregator
