// The province's end of the exchange for one stream, as a state machine without
// I/O, clock or threads. Thread-confined. It verifies everything (origin,
// bundles, sequence, times, root, signature) before anything is offered to the
// journal; what it returns as a VerifiedBatch may be stored as it is.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/exchange/uplink.h"
#include "common/ledger/bundle.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/compact_range.h"
#include "common/ledger/heartbeat.h"
#include "common/ledger/log_keys.h"
#include "common/ledger/note.h"
#include "tongchou/v1/exchange.pb.h"

namespace tongchou::exchange {

// Bundle bytes that are taken before the journal has fsynced them: never less
// than a node sends that keeps to the window.
inline constexpr uint64_t kUnacknowledgedBytesMax =
    kWindowBytesMax + kBatchBytesMax + ledger::kTransactionBytesMax;

// What the province holds of a city's log; read when a Hello arrives.
struct CityCopy {
  ledger::CompactRange range;  // verified and fsynced
  uint64_t applied_size = 0;
  int64_t last_commit_time_us = 0;
  std::string checkpoint;  // cosigned note of range.size(); empty at size 0
  uint64_t incarnation_counter = 0;  // greatest seen
  uint64_t incarnation_nonce = 0;    // of the session that had it
  std::string quarantine;            // reason; empty when there is none
};

struct VerifiedBatch {
  struct Piece {
    uint64_t first_sequence;
    uint64_t count;
    std::string bytes;
    std::shared_ptr<const ledger::Bundle> decoded;
  };
  std::vector<Piece> bundles;
  uint64_t end_size = 0;
  int64_t last_commit_time_us = 0;
  ledger::CompactRange range;  // over the log including this batch
  std::string checkpoint;      // the city's signed note at end_size
  std::vector<ledger::KeyChange> key_changes;  // among its entries
  // False while the province holds less than it once cosigned: it states
  // nothing anew before it has all that again.
  bool cosign = true;
};

// Two signed statements that exclude each other: transferable proof.
struct ForkEvidence {
  std::string known_note;
  std::string offered_note;
  std::string explanation;
};

struct IngestConfig {
  uint32_t city = 0;          // from the peer's certificate
  std::string origin;         // the origin that this city may carry
  ledger::LogKeys city_keys;  // as the province holds the log
  std::optional<ledger::VerifierKey> witness_key;  // the province's own
  // Keys that the province let take the place of lost ones, oldest first:
  // nothing is taken that an older key than the last of them signed.
  std::vector<ledger::VerifierKey> replacements;
  // It says nothing of which start of the node is the newest.
  bool from_file = false;
};

class Ingest {
 public:
  using RootAt = std::function<absl::StatusOr<ledger::Hash>(uint64_t)>;

  explicit Ingest(IngestConfig config);

  // Whether OnHello can take this: what it asks first. Who has only the city's
  // certificate gets no further, so that the city's stream need not end for
  // him. `copy` may have grown since the keys were read. FAILED_PRECONDITION on
  // a clone's older start, or when the city is quarantined; PERMISSION_DENIED
  // for another origin, when the log's key changed without the old one's
  // signature, or when the key that counts did not sign the start; DATA_LOSS
  // when its signature is wrong; INVALID_ARGUMENT when it is none.
  absl::Status CheckHello(const v1::Hello& hello, const CityCopy& copy) const;

  // The first message. `copy` is what the province holds now. The root of any
  // shorter size is asked through `root_at` to tell a fork from a log that is
  // behind. Errors as CheckHello. Fills evidence() and returns
  // FAILED_PRECONDITION on a fork; FAILED_PRECONDITION when the node is behind
  // its own past (restore it first).
  absl::StatusOr<v1::Welcome> OnHello(const v1::Hello& hello,
                                      const CityCopy& copy,
                                      const RootAt& root_at, int64_t now_us);

  // A batch after the greeting: decodes, hashes and compares with the signed
  // checkpoint. DATA_LOSS names the entry or bundle, or, with evidence()
  // filled, a fork; INVALID_ARGUMENT a broken protocol (gap, repeat,
  // transaction cut); PERMISSION_DENIED a change of the log's key that nobody
  // allowed, or a key that was replaced; RESOURCE_EXHAUSTED over the window.
  // After an error everything but evidence() is as it was.
  absl::StatusOr<VerifiedBatch> OnBatch(const v1::Batch& batch);

  // The journal has fsynced everything up to `size`; takes its bytes out of
  // the window. `cosigned_note` is the city's checkpoint at `size`, or empty.
  v1::Ack OnDurable(uint64_t size, std::string_view cosigned_note,
                    uint64_t applied_size, int64_t now_us);
  v1::Ack OnApplied(uint64_t applied_size, int64_t now_us);

  // What the city signed: a sign of life. PERMISSION_DENIED when the log's key
  // did not sign it, or was replaced; DATA_LOSS when the signature is wrong;
  // INVALID_ARGUMENT when it is no heartbeat, or names less than before or more
  // than this end told; FAILED_PRECONDITION when its clock and `now_us` are too
  // far apart; ABORTED when it is of another stream, or no later than the last
  // one of this.
  absl::StatusOr<ledger::Heartbeat> OnHeartbeat(const v1::Heartbeat& heartbeat,
                                                int64_t now_us);

  uint64_t verified_size() const { return range_.size(); }
  uint64_t claimed_committed() const { return claimed_committed_; }
  // Of the node that greeted; out of a file the newest that was known.
  v1::Incarnation incarnation() const { return incarnation_; }
  const std::optional<ForkEvidence>& evidence() const { return evidence_; }

 private:
  struct Unacknowledged {
    uint64_t end_size;
    uint64_t bytes;
  };
  // What the city signed; whatever else it signs must agree with it.
  struct SignedHead {
    uint64_t size;
    ledger::Hash root;
    std::string note;
  };

  struct Vouched {
    ledger::LogKeys keys;
    v1::Incarnation incarnation;
  };

  absl::StatusOr<Vouched> VerifyHello(const v1::Hello& hello,
                                      const CityCopy& copy) const;
  absl::Status CheckPeer(const v1::Hello& hello, const CityCopy& copy) const;
  absl::StatusOr<ledger::LogKeys> AnnouncedKeys(const v1::Hello& hello) const;
  absl::Status UnknownChange(const ledger::KeyChange& change) const;
  // Changes that are not held yet are behind what is held.
  absl::Status CheckAhead(const ledger::LogKeys& keys,
                          const CityCopy& copy) const;
  absl::Status CheckNoClone(const v1::Incarnation& incarnation,
                            const CityCopy& copy) const;
  // The head that the node claims beyond the copy.
  absl::StatusOr<std::optional<SignedHead>> CheckHistory(const v1::Hello& hello,
                                                         const CityCopy& copy,
                                                         const RootAt& root_at);
  // The log's keys behind the batch.
  absl::StatusOr<ledger::LogKeys> KeysBehind(
      const VerifiedBatch& verified) const;
  uint64_t CosignedSize(const v1::Hello& hello) const;
  void Greet(const v1::Hello& hello, const CityCopy& copy,
             const v1::Incarnation& incarnation,
             std::optional<SignedHead> claimed);
  absl::Status CheckAdmission(const v1::Batch& batch) const;
  const SignedHead* ClaimedHead() const;
  absl::Status CheckBatchHead(const VerifiedBatch& verified,
                              const ledger::LogKeys& keys,
                              const std::optional<ledger::Hash>& claimed_root);
  void Accept(const VerifiedBatch& verified, uint64_t bytes);
  void KeepEvidence(std::string_view known, std::string_view offered,
                    std::string explanation);
  absl::StatusOr<ledger::Heartbeat> OpenHeartbeat(std::string_view note,
                                                  int64_t now_us) const;
  // The province's act counts, and no entry says so yet.
  bool IsReplaced(const ledger::LogKeys& keys) const;
  absl::Status CheckNotReplaced(const ledger::LogKeys& keys) const;
  v1::Ack MakeAck(int64_t now_us);

  IngestConfig config_;
  bool greeted_ = false;
  ledger::LogKeys keys_;  // and what the node announced of its log's rest
  ledger::CompactRange range_;
  int64_t last_commit_time_us_ = 0;
  uint64_t durable_size_ = 0;
  uint64_t applied_size_ = 0;
  uint64_t told_applied_ = 0;      // the greatest
  int64_t stream_us_ = 0;          // this end's time at the Welcome
  int64_t last_heartbeat_us_ = 0;  // by the node's clock; 0 = none yet
  uint64_t claimed_committed_ = 0;
  uint64_t unacknowledged_bytes_ = 0;
  std::deque<Unacknowledged> unacknowledged_;
  std::vector<SignedHead> heads_;  // the newest verified, one claimed beyond
  v1::Incarnation incarnation_;
  std::optional<ForkEvidence> evidence_;
  uint64_t cosign_from_ = 0;  // sizes below were cosigned before
};

}  // namespace tongchou::exchange
