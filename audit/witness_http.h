// The witness over HTTPS: its server, and what brings it the heads of a copy.
// Both ends show certificates.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "audit/archive.h"
#include "audit/policy.h"
#include "audit/witness.h"
#include "common/transport/credentials.h"

namespace httplib {
class SSLServer;
}

namespace tongchou::audit {

class WitnessServer {
 public:
  // Serves at once. FAILED_PRECONDITION if the port is taken.
  static absl::StatusOr<std::unique_ptr<WitnessServer>> Start(
      const std::string& listen, const transport::TlsFiles& tls,
      Witness* witness);
  ~WitnessServer();
  int port() const { return port_; }

 private:
  WitnessServer(std::unique_ptr<httplib::SSLServer> server, int port);

  const std::unique_ptr<httplib::SSLServer> server_;
  const int port_;
  std::thread thread_;
};

struct FedLog {
  uint32_t city = 0;  // 0 = the province's own log
  uint64_t old_size = 0;
  uint64_t size = 0;
};

// Shows the witness at `address` (HOST:PORT) the newest copied head of every
// log with the proof that it extends the one that the witness signed last, and
// keeps its cosignature among the copied checkpoints. `witness` is its pinned
// key. DATA_LOSS when the witness knows a head that the copy does not extend.
absl::StatusOr<std::vector<FedLog>> FeedWitness(
    const std::string& address, const transport::TlsFiles& tls,
    const ledger::VerifierKey& witness, const Archive& archive,
    const Policy& policy);

}  // namespace tongchou::audit
