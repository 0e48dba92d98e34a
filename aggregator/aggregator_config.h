// The aggregator's configuration file; deploy/sample/aggregator.toml explains
// every key.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "common/ledger/note.h"
#include "common/transport/credentials.h"

namespace tongchou::aggregator {

struct AggregatorConfig {
  std::string province;     // 360000
  std::string data;         // directory of journal and state
  std::string witness_key;  // PEM of the Ed25519 key that cosigns
  std::string signing_key;  // PEM of the key that signs the own log
  std::string sign_guard;   // outside `data`
  std::string pseudonym_key;
  std::string listen;
  std::string ops_listen;  // empty = none
  std::string log_level;
  // The door for new nodes; all empty = there is none.
  std::string join_listen;
  std::string authority;  // certificate of the authority for nodes (PEM)
  std::string authority_key;
  // Heads of the own log are shown only up to what its mirror keeps.
  bool mirror_required = false;
  transport::TlsFiles tls;
  std::map<uint32_t, ledger::VerifierKey> cities;
  std::map<uint32_t, ledger::VerifierKey> witnesses;  // cities' other keys

  std::string WitnessName() const;
  // Of the province's own log.
  std::string Origin() const;
};

// INVALID_ARGUMENT names file, key and what to do.
absl::StatusOr<AggregatorConfig> LoadAggregatorConfig(const std::string& path);

}  // namespace tongchou::aggregator
