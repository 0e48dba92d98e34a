// The keys with which a node signs its log's heads, and their change. Beside
// the configured file (`signing_key`, the key that signs now) there may lie
//
//   SIGNING_KEY.next    the key that signs next: made by --rotate-key, in force
//                       once the change is in the log; takes the file's place
//                       once the province holds that
//   SIGNING_KEY.change  the statement by which the key takes the place of one
//                       that was lost: made by join, removed when the province
//                       holds the change
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ledger/head_signer.h"
#include "common/ledger/log_keys.h"
#include "common/ledger/signer.h"
#include "node/node_config.h"
#include "node/record_index.h"
#include "node/record_reader.h"
#include "node/sequencer.h"

namespace tongchou::node {

// FAILED_PRECONDITION says how to make one when there is none.
absl::StatusOr<ledger::Signer> LoadSigner(const NodeConfig& config);

// Makes SIGNING_KEY.next unless it is there; its public key.
// FAILED_PRECONDITION while a lost key is being replaced.
absl::StatusOr<ledger::VerifierKey> MakeNextKey(const NodeConfig& config);

// Keeps the statement by which the signing key replaces a lost one.
absl::Status KeepReplacement(const std::string& signing_key,
                             const ledger::VerifierKey& lost,
                             const ledger::Signer& signer);

// The keys of the log as its index and reader, which outlive them, show it. A
// log whose changes do not lead to the keys that are here, an old copy from
// before a change or another's log, can only be read.
absl::StatusOr<ledger::SigningKeys> LoadSigningKeys(const NodeConfig& config,
                                                    const ledger::LogStore& log,
                                                    RecordIndex* index,
                                                    RecordReader* reader);

// The keys of a copy of this node's log that the province has, vouched for by
// the keys that are here. DATA_LOSS when it leads to others.
absl::StatusOr<ledger::LogKeys> KeysOfCopy(
    const NodeConfig& config, const std::vector<ledger::KeyChange>& changes);

// Leads a change to its end, one step at a time. Thread-confined; what is
// passed outlives it.
class KeyChanger {
 public:
  KeyChanger(NodeConfig config, RecordIndex* index,
             ledger::HeadSigner* head_signer, Sequencer* sequencer)
      : config_(std::move(config)),
        index_(*index),
        head_signer_(*head_signer),
        sequencer_(*sequencer) {}

  // Writes the change that is waiting into the log, or ends it when the
  // province holds `durable_size` entries with it. To be called while the log
  // may be written.
  absl::Status Step(uint64_t durable_size);

 private:
  absl::Status Rotate(uint64_t durable_size);
  absl::Status Replace(uint64_t durable_size);
  absl::Status Write(const std::string& statement);

  const NodeConfig config_;
  RecordIndex& index_;
  ledger::HeadSigner& head_signer_;
  Sequencer& sequencer_;
};

}  // namespace tongchou::node
