// Which start of its node a Hello is of.
#pragma once

#include "absl/status/statusor.h"
#include "common/ledger/note.h"
#include "tongchou/v1/exchange.pb.h"

namespace tongchou::exchange {

// As `key`, the log's, has signed it. PERMISSION_DENIED when that key signed
// none, as of nodes of earlier releases; other errors as ledger::OpenStart.
absl::StatusOr<v1::Incarnation> VerifyStart(const v1::Hello& hello,
                                            const ledger::VerifierKey& key);

}  // namespace tongchou::exchange
