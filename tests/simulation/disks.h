// What a city has on its simulated disk. Everything that is not synced is gone
// after a crash.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/exchange/uplink.h"
#include "common/ledger/log_keys.h"
#include "common/ledger/signer.h"
#include "tests/simulation/memory_log.h"

namespace tongchou::simulation {

// A city's disk: the log, and the keys and a guard that no backup holds.
class CityDisk : public exchange::UplinkLog {
 public:
  explicit CityDisk(ledger::Signer first) : signer(std::move(first)) {}

  // The next key's change is an entry of the log.
  bool key_changed() const {
    return next_signer.has_value() && !log.key_changes.empty() &&
           ledger::OpenKeyChange(log.key_changes.back().statement)->new_key ==
               next_signer->verifier();
  }

  // A start: the guard's file says what was signed last, and nothing is signed
  // before the province has confirmed the log.
  void Start(bool ignores_guard) {
    confirmed_ = false;
    signed_size_ = guarded_size_;
    signed_note = guarded_note_;
    read_only = signed_size_ > log.size() && !ignores_guard;
    ignores_guard_ = ignores_guard;
  }
  // Once in a while, and with the first head of all.
  void SaveGuard() {
    guarded_size_ = signed_size_;
    guarded_note_ = signed_note;
  }

  uint64_t committed_size() override { return log.size(); }
  absl::StatusOr<ledger::Hash> RootAt(uint64_t size) override {
    return log.RootAt(size);
  }
  absl::StatusOr<v1::Batch> ReadBatch(uint64_t size, uint64_t bytes_max,
                                      uint64_t* end_size) override {
    v1::Batch batch;
    uint64_t bytes = 0;
    for (const LogBundle& bundle : log.bundles) {
      if (bundle.first < size) continue;
      if (batch.bundles().empty() && bundle.first != size) break;
      bytes += bundle.bytes.size();
      if (!batch.bundles().empty() && bytes > bytes_max) break;
      batch.add_bundles(bundle.bytes);
      *end_size = bundle.end();
    }
    if (batch.bundles().empty()) return base::OutOfRangeError("{}", size);
    return batch;
  }
  ledger::LogKeys keys() override {
    const auto newest =
        key_changed() ? next_signer->verifier() : signer.verifier();
    auto known = ledger::LogKeys::LeadingTo(newest, log.key_changes);
    return known.ok() ? *std::move(known) : ledger::LogKeys(newest);
  }
  absl::StatusOr<std::string> SignHead(uint64_t size) override {
    if (read_only) return base::FailedPreconditionError("guard");
    if (!confirmed_ && !ignores_guard_) {
      return base::FailedPreconditionError("unconfirmed");
    }
    std::string note = SignerFor(size).Sign(size, log.roots[size]);
    ever_signed = std::max(ever_signed, size);
    if (size < signed_size_) return note;
    signed_size_ = size;
    signed_note = note;
    if (guarded_note_.empty()) SaveGuard();
    return note;
  }
  absl::StatusOr<std::string> SignHeartbeat(
      uint64_t size, const ledger::Heartbeat& heartbeat) override {
    return ledger::SignHeartbeat(heartbeat, SignerFor(size));
  }
  std::string SignStart(const ledger::Start& start) override {
    std::vector<ledger::Signer> signers{signer};
    if (next_signer.has_value()) signers.push_back(*next_signer);
    return ledger::SignStart(start, signers);
  }
  absl::Status ConfirmHead(uint64_t size, const ledger::Hash& root) override {
    if (read_only || size >= log.roots.size() ||
        (size > 0 && log.roots[size] != root)) {
      return base::FailedPreconditionError("another history at {}", size);
    }
    confirmed_ = true;
    return absl::OkStatus();
  }
  absl::Status KeepCosigned(uint64_t, std::string_view note) override {
    cosigned_note = note;
    return absl::OkStatus();
  }

  ledger::Signer signer;
  std::optional<ledger::Signer> next_signer;  // until the province has that
  bool old_key_signs_on = false;              // a planted bug
  Log log;
  MemoryLog facts;            // what is known of the province's log
  uint64_t ever_signed = 0;   // largest size, whatever was lost since
  std::string signed_note;    // newest, as far as the guard knows it
  std::string cosigned_note;  // not synced
  uint64_t starts = 1;
  bool read_only = false;

 private:
  const ledger::Signer& SignerFor(uint64_t size) const {
    const bool next = key_changed() && !old_key_signs_on &&
                      size > log.key_changes.back().sequence;
    return next ? *next_signer : signer;
  }

  bool confirmed_ = false;
  bool ignores_guard_ = false;
  uint64_t signed_size_ = 0;
  uint64_t guarded_size_ = 0;
  std::string guarded_note_;
};

}  // namespace tongchou::simulation
