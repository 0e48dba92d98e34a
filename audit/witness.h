// A witness after C2SP tlog-witness v1.0.0: signs for each log only what
// extends what it signed before. The protocol without the network.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/cosignature.h"

namespace tongchou::audit {

// Longest body of a request: a note and 63 hashes.
inline constexpr size_t kWitnessBodyBytesMax =
    ledger::kNoteBytesMax + (64 << 6);
inline constexpr size_t kWitnessProofHashesMax = 63;

struct WitnessAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Thread-safe.
class Witness {
 public:
  // Keys of one name are those of one log. `directory` holds the newest
  // checkpoint of each log, one file each; it is made when it is not there.
  // DATA_LOSS when a file in it is none that this witness wrote.
  static absl::StatusOr<std::unique_ptr<Witness>> Open(
      std::string directory, ledger::Cosigner cosigner,
      const std::vector<ledger::VerifierKey>& logs, base::Clock* clock);

  // POST /add-checkpoint. The new state is durable before the cosignature
  // leaves.
  WitnessAnswer AddCheckpoint(std::string_view body);
  // GET /HASH/checkpoint, HASH = SHA-256 of the origin in hexadecimal digits.
  WitnessAnswer GetCheckpoint(std::string_view origin_hash) const;

 private:
  struct Log {
    std::vector<ledger::VerifierKey> keys;
    ledger::Checkpoint known;  // size 0 before the first
    std::string note;          // as signed by log and witness
  };
  struct Request;

  Witness(std::string directory, ledger::Cosigner cosigner, base::Clock* clock)
      : directory_(std::move(directory)),
        cosigner_(std::move(cosigner)),
        clock_(*clock) {}
  absl::Status Load(const std::string& origin, Log log);
  std::string FileOf(std::string_view origin) const;
  WitnessAnswer Consider(const Request& request, Log* log)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  WitnessAnswer Cosign(const Request& request,
                       const ledger::VerifierKey& signer, Log* log)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string directory_;
  const ledger::Cosigner cosigner_;
  base::Clock& clock_;
  mutable base::Mutex mutex_;
  std::map<std::string, Log> logs_ ABSL_GUARDED_BY(mutex_);  // by origin
};

}  // namespace tongchou::audit
