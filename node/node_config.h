// The node's configuration file; deploy/sample/node.toml explains every key.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/transport/credentials.h"

namespace tongchou::node {

struct NodeConfig {
  std::string province;      // 360000
  uint32_t city = 0;         // 360100
  std::string data;          // directory of log and state
  std::string signing_key;   // PEM of the log's Ed25519 key
  std::string sign_guard;    // file outside the data directory
  std::string listen;        // host:port of the gRPC server
  std::string ops_listen;    // host:port of metrics and health; empty = none
  std::string aggregator;    // host:port; empty = works alone
  std::string witness;       // the province's cosignature key (verifier key)
  std::string province_key;  // of the province's own log (verifier key)
  std::string witness_key;   // PEM of the key that cosigns that log
  std::string log_level;
  transport::TlsFiles tls;
  bool synthetic = false;
  uint32_t clock_day = 0;      // of a synthetic node; 0 = real time
  std::string synthetic_seed;  // empty: salts are random, as elsewhere

  std::string Origin() const;
  std::string WitnessName() const;
};

// INVALID_ARGUMENT names file, key and what to do.
absl::StatusOr<NodeConfig> LoadNodeConfig(const std::string& path);

}  // namespace tongchou::node
