// What an aggregator of an earlier release took for a node's start: its word.
#include "common/exchange/verify_start.h"

namespace tongchou::exchange {

absl::StatusOr<v1::Incarnation> VerifyStart(const v1::Hello& hello,
                                            const ledger::VerifierKey&) {
  return hello.incarnation();
}

}  // namespace tongchou::exchange
