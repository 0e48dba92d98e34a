#include "common/exchange/verify_start.h"

#include "common/base/status.h"
#include "common/ledger/start.h"

namespace tongchou::exchange {

absl::StatusOr<v1::Incarnation> VerifyStart(const v1::Hello& hello,
                                            const ledger::VerifierKey& key) {
  if (hello.start().empty()) {
    return base::PermissionDeniedError(
        "{}: its node signs no start: upgrade it; if it is of this release, "
        "somebody else uses its certificate: revoke that",
        key.name);
  }
  const auto start = ledger::OpenStart(hello.start(), key);
  if (!start.ok()) {
    return base::MakeStatus(
        start.status().code(),
        fmt::format("{}: the start of its node: {}; give the node the log's "
                    "key back; if it has that, somebody else uses its "
                    "certificate: revoke that",
                    key.name, base::Message(start.status())));
  }
  v1::Incarnation incarnation;
  incarnation.set_counter(start->counter);
  incarnation.set_nonce(start->nonce);
  return incarnation;
}

}  // namespace tongchou::exchange
