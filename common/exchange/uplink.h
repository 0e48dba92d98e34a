// The node's end of the exchange as a state machine: events in, messages out;
// no I/O, no clock, no threads. One object per stream; thread-confined.
//
//   Next -> Hello;  OnMessage(Welcome);  Next -> batches within the window
//   OnMessage(Ack) moves durable and applied and makes room in the window.
//
// The owner calls Next() after every event (a message, a commit, the time of
// DueIn) until it returns nothing, and sends what it returns in
// order. After an error of any call the stream is ended and a new Uplink is
// made; the log and the store are the only memory.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/compact_range.h"
#include "common/ledger/heartbeat.h"
#include "common/ledger/log_keys.h"
#include "common/ledger/note.h"
#include "common/ledger/start.h"
#include "tongchou/v1/exchange.pb.h"

namespace tongchou::exchange {

inline constexpr uint32_t kProtocolVersion = 1;
// Bundle bytes of one batch, unless one bundle alone is larger.
inline constexpr uint64_t kBatchBytesMax = 1 << 20;
// Signatures and fsyncs are per batch, so under load batches gather: one that
// is smaller than this waits while another is under way, and until some time
// has passed since that was sent. That is twice as long for each batch in a row
// that had to wait, at most so many times as long. Nothing waits when nothing
// was sent lately.
inline constexpr uint64_t kPipelinedEntriesMin = 1'000;
inline constexpr int64_t kBatchSpacingMicros = 25'000;
inline constexpr int64_t kSpacingStretchMax = 4;
// Bytes of bundles under way without an acknowledgement.
inline constexpr uint64_t kWindowBytesMax = 16 << 20;
inline constexpr int64_t kHeartbeatMicros = 1'000'000;
// The province's clock and the node's may differ by this much.
inline constexpr int64_t kClockSkewMicrosMax = 300'000'000;

bool ClocksAgree(int64_t here_us, int64_t there_us);

// What both ends count against the window.
uint64_t BundleBytes(const v1::Batch& batch);

// What the uplink needs of the log; implemented over LogStore and HeadSigner by
// the node, by memory in tests.
class UplinkLog {
 public:
  virtual ~UplinkLog() = default;
  virtual uint64_t committed_size() = 0;
  // Root over the first `size` entries.
  virtual absl::StatusOr<ledger::Hash> RootAt(uint64_t size) = 0;
  // Consecutive bundles from `size` (a bundle's start) on: at least one, then
  // as many as fit into bytes_max. `end_size` is the size behind them.
  virtual absl::StatusOr<v1::Batch> ReadBatch(uint64_t size, uint64_t bytes_max,
                                              uint64_t* end_size) = 0;
  // The log's keys, with their changes among what is committed.
  virtual ledger::LogKeys keys() = 0;
  // The signed note over the first `size` entries.
  virtual absl::StatusOr<std::string> SignHead(uint64_t size) = 0;
  // The heartbeat as a note, signed with the key that signs heads of `size`.
  virtual absl::StatusOr<std::string> SignHeartbeat(
      uint64_t size, const ledger::Heartbeat& heartbeat) = 0;
  // The start as a note, signed with every key that may be the log's.
  virtual std::string SignStart(const ledger::Start& start) = 0;
  // The province's word on what it holds extends nothing that this log does
  // not have: allows signing.
  virtual absl::Status ConfirmHead(uint64_t size, const ledger::Hash& root) = 0;
  // Keeps the checkpoint with the province's cosignature.
  virtual absl::Status KeepCosigned(uint64_t size, std::string_view note) = 0;
};

struct UplinkConfig {
  std::string origin;
  ledger::VerifierKey province_key;  // cosignature/v1 key of the province
  v1::Incarnation incarnation;
  std::string checkpoint;           // newest signed note, may be empty
  std::string cosigned_checkpoint;  // newest with the province's line
  uint64_t pipelined_entries_min = kPipelinedEntriesMin;
  int64_t batch_spacing_us = kBatchSpacingMicros;
  bool follows_province = false;    // whether the owner takes its log
  std::string province_checkpoint;  // newest of that which it verified
};

// Positions that the province told.
struct UplinkPositions {
  uint64_t durable = 0;
  uint64_t applied = 0;
  bool welcomed = false;
  int64_t province_time_us = 0;
  uint64_t sent = 0;
};

class Uplink {
 public:
  Uplink(UplinkConfig config, UplinkLog* log);

  // FAILED_PRECONDITION: the province holds more than this log, or another
  // history: nothing can be sent until that is mended. INVALID_ARGUMENT: the
  // message breaks the protocol. DATA_LOSS: a cosignature is not the
  // province's.
  absl::Status OnMessage(const v1::ProvinceMessage& message, int64_t now_us);

  // The next message to send; nullopt when there is nothing to say now.
  absl::StatusOr<std::optional<v1::NodeMessage>> Next(int64_t now_us);
  // In how many microseconds Next has something to say though nothing happens.
  int64_t DueIn(int64_t now_us) const;
  // The size of the log from which on Next has something to say before that.
  uint64_t DueSize() const;

  const UplinkPositions& positions() const { return positions_; }

 private:
  struct InFlight {
    uint64_t end_size;
    uint64_t bytes;
    std::string note;  // as this node signed it
  };
  struct Pending {
    v1::Batch batch;
    uint64_t end_size;
    uint64_t bytes;
  };

  absl::Status OnWelcome(const v1::Welcome& welcome, int64_t now_us);
  absl::Status CheckWelcome(const v1::Welcome& welcome, int64_t now_us);
  absl::Status OnAck(const v1::Ack& ack);
  absl::StatusOr<ledger::Hash> VerifyCosigned(std::string_view note,
                                              uint64_t size);
  absl::Status VerifyCosignature(std::string_view note, uint64_t size);
  bool IsOwnNote(std::string_view note, uint64_t size) const;
  v1::NodeMessage MakeHello();
  absl::Status ReadPending(int64_t now_us);
  bool Gathers(uint64_t entries, int64_t now_us);
  bool WindowFull() const;
  bool PendingFits() const;
  absl::StatusOr<v1::NodeMessage> TakePending();
  absl::StatusOr<v1::NodeMessage> MakeHeartbeat(int64_t now_us);

  UplinkConfig config_;
  UplinkLog* log_;
  UplinkPositions positions_;
  bool hello_sent_ = false;
  uint64_t announced_size_ = 0;  // behind the last change of the log's key
  int64_t stream_us_ = 0;        // the province's time at its Welcome
  uint64_t window_bytes_ = 0;
  uint64_t in_flight_bytes_ = 0;
  std::deque<InFlight> in_flight_;
  std::optional<Pending> pending_;  // read, waits for room in the window
  int64_t last_sent_us_ = 0;
  int64_t last_batch_us_ = 0;
  int64_t spacing_us_;      // that batches keep now
  bool gathering_ = false;  // a batch waits only for time to pass
  bool gathered_ = false;   // what the next batch has was kept waiting so
};

}  // namespace tongchou::exchange
