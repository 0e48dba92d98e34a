// What clients want written, on its way to the sequencer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "tongchou/v1/ledger.pb.h"
#include "tongchou/v1/node.pb.h"

namespace tongchou::node {

struct PendingChange {
  uint32_t type = 0;
  bool is_delete = false;
  std::string key;
  std::string record;        // without key fields; empty for a delete
  uint64_t fingerprint = 0;  // of the record; see record_index.h
  uint32_t division = 0;     // AAB301 of the record; 0 = none
  uint64_t receipt = 0;
  uint64_t line = 0;
};

// Changes that arrive together. Each is a transaction of its own, or all are
// one.
struct WriteGroup {
  std::vector<PendingChange> changes;
  bool one_transaction = false;
  uint64_t source = 0;  // one value per waiting client; 0 = one that does not
  v1::Reason reason = v1::REASON_WRITE;
  uint64_t actor = 0;
  // Of one transaction only; the id may be empty.
  std::string transaction_id;
  std::string staff;
  std::string reason_text;
  std::string document_number;
  // Facts of the log's owner that are written with it.
  std::vector<std::pair<std::string, std::optional<std::string>>> local_facts;
};

struct CommitOutcome {
  std::vector<v1::ChangeResult> results;  // one per change
  uint64_t committed_size = 0;
  bool repeated = false;  // the transaction id had been committed before
};

}  // namespace tongchou::node
