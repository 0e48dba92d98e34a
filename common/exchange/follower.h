// A city's view of the province's own log, as a state machine without I/O,
// clock or threads: pieces in, verified heads out. Bodies of entries that are
// for others are withheld and verified all the same. Thread-confined.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ledger/bundle.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/compact_range.h"
#include "common/ledger/note.h"
#include "tongchou/v1/exchange.pb.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::exchange {

// What is known of the log; the owner keeps it durably.
struct FollowedHead {
  ledger::CompactRange range;
  std::string note;  // the province's, over range.size(); empty at size 0
  int64_t last_commit_time_us = 0;

  std::string Encode() const;
  // DATA_LOSS unless Encode wrote it.
  static absl::StatusOr<FollowedHead> Decode(std::string_view bytes);
};

// An entry for this city.
struct AddressedEntry {
  v1::EntryHeader header;
  v1::EntryBody body;
};

// A head that extends the last one, with what came before it.
struct FollowedNews {
  FollowedHead head;
  std::vector<AddressedEntry> entries;
};

class Follower {
 public:
  Follower(ledger::VerifierKey province_key, uint32_t city, FollowedHead known);

  // A piece behind what is known; its news once a head covers it. Nothing is to
  // be cosigned before the owner has kept the head. DATA_LOSS names the entry:
  // the log does not extend what this city knows of it, which two signed notes
  // show (known() and the offered one). INVALID_ARGUMENT: no such piece can be
  // sent.
  absl::StatusOr<std::optional<FollowedNews>> OnPiece(
      const v1::ProvinceLog& piece);

  const FollowedHead& known() const { return known_; }

 private:
  absl::Status TakeBundle(const std::string& bytes);
  absl::Status TakeEntry(size_t i);

  const ledger::VerifierKey province_key_;
  const uint32_t city_;
  FollowedHead known_;
  FollowedHead coming_;  // with what no head covers yet
  std::vector<AddressedEntry> entries_;
  ledger::Bundle bundle_;
};

// The bundle as it is for that city: other bodies are withheld. DATA_LOSS when
// it cannot be read.
absl::StatusOr<std::string> BundleFor(uint32_t city, const std::string& bytes,
                                      ledger::BundleWriter* writer);

}  // namespace tongchou::exchange
