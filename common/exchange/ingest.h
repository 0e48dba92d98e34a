// The province's end of the exchange for one stream, as a state machine without
// I/O, clock or threads. Thread-confined. It verifies everything (origin,
// bundles, sequence, times, root, signature) before anything is offered to the
// journal; what it returns as a VerifiedBatch may be stored as it is.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/compact_range.h"
#include "common/ledger/note.h"
#include "tongchou/v1/exchange.pb.h"

namespace tongchou::exchange {

// What the province holds of a city's log; read when a Hello arrives.
struct CityCopy {
  ledger::CompactRange range;  // verified and fsynced
  uint64_t applied_size = 0;
  int64_t last_commit_time_us = 0;
  std::string checkpoint;            // newest cosigned note; empty at size 0
  uint64_t incarnation_counter = 0;  // greatest seen
  uint64_t incarnation_nonce = 0;    // of the session that had it
  std::string quarantine;            // reason; empty when there is none
};

struct VerifiedBatch {
  struct Piece {
    uint64_t first_sequence;
    uint64_t count;
    std::string bytes;
  };
  std::vector<Piece> bundles;
  uint64_t end_size = 0;
  int64_t last_commit_time_us = 0;
  ledger::CompactRange range;  // over the log including this batch
  std::string checkpoint;      // the city's signed note at end_size
};

// Two signed statements that exclude each other: transferable proof.
struct ForkEvidence {
  std::string known_note;
  std::string offered_note;
  std::string explanation;
};

struct IngestConfig {
  uint32_t city = 0;   // from the peer's certificate
  std::string origin;  // the origin that this city may carry
  ledger::VerifierKey city_key;
};

class Ingest {
 public:
  Ingest(IngestConfig config);

  // The first message. `copy` is what the province holds now. The root of any
  // shorter size is asked through `root_at` to tell a fork from a log that is
  // behind. Fills evidence() and returns FAILED_PRECONDITION on a fork;
  // ABORTED on a clone's older incarnation; PERMISSION_DENIED for another
  // origin; FAILED_PRECONDITION when the node is behind its own past (restore
  // it first) or the city is quarantined.
  absl::StatusOr<v1::Welcome> OnHello(
      const v1::Hello& hello, const CityCopy& copy,
      const std::function<absl::StatusOr<ledger::Hash>(uint64_t)>& root_at,
      int64_t now_us);

  // A batch after the greeting: decodes, hashes and compares with the signed
  // checkpoint. DATA_LOSS names the entry or bundle; INVALID_ARGUMENT a broken
  // protocol (gap, repeat, transaction cut); ResourceExhausted over the window.
  absl::StatusOr<VerifiedBatch> OnBatch(const v1::Batch& batch);

  // The journal has fsynced everything up to `size`; takes its bytes out of
  // the window.
  v1::Ack OnDurable(uint64_t size, std::string_view cosigned_note,
                    uint64_t applied_size, int64_t now_us);
  v1::Ack OnApplied(uint64_t applied_size, int64_t now_us);

  absl::Status OnHeartbeat(const v1::Heartbeat& heartbeat);

  uint64_t verified_size() const { return range_.size(); }
  uint64_t claimed_committed() const { return claimed_committed_; }
  v1::Incarnation incarnation() const { return incarnation_; }
  const std::optional<ForkEvidence>& evidence() const { return evidence_; }

 private:
  IngestConfig config_;
  bool greeted_ = false;
  ledger::CompactRange range_;
  int64_t last_commit_time_us_ = 0;
  uint64_t durable_size_ = 0;
  uint64_t applied_size_ = 0;
  uint64_t claimed_committed_ = 0;
  uint64_t unacknowledged_bytes_ = 0;
  struct Unacknowledged {
    uint64_t end_size;
    uint64_t bytes;
  };
  std::deque<Unacknowledged> unacknowledged_;
  v1::Incarnation incarnation_;
  std::optional<ForkEvidence> evidence_;
};

}  // namespace tongchou::exchange
