// The node's log and its signer as the uplink's state machine sees them.
#pragma once

#include <memory>

#include "common/exchange/uplink.h"
#include "common/ledger/head_signer.h"
#include "common/ledger/log_store.h"

namespace tongchou::node {

// One thread's. Both outlive it.
std::unique_ptr<exchange::UplinkLog> MakeUplinkLog(ledger::LogStore* log,
                                                   ledger::HeadSigner* signer);

}  // namespace tongchou::node
