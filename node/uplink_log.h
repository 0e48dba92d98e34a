// The log and its signer as the state machine of the exchange sees them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/exchange/uplink.h"
#include "common/ledger/head_signer.h"
#include "common/ledger/log_store.h"

namespace tongchou::node {

// Thread-confined, one for each use; what is passed outlives it.
class UplinkLogAdapter final : public exchange::UplinkLog {
 public:
  UplinkLogAdapter(ledger::LogStore* log, ledger::HeadSigner* signer)
      : log_(*log), signer_(*signer) {}

  uint64_t committed_size() override { return committed_ = log_.Head().size(); }
  absl::StatusOr<ledger::Hash> RootAt(uint64_t size) override;
  absl::StatusOr<v1::Batch> ReadBatch(uint64_t size, uint64_t bytes_max,
                                      uint64_t* end_size) override;
  ledger::LogKeys keys() override { return signer_.keys(); }
  absl::StatusOr<std::string> SignHead(uint64_t size) override;
  absl::StatusOr<std::string> SignHeartbeat(
      uint64_t size, const ledger::Heartbeat& heartbeat) override {
    return signer_.SignHeartbeat(size, heartbeat);
  }
  std::string SignStart(const ledger::Start& start) override {
    return signer_.SignStart(start);
  }
  absl::Status ConfirmHead(uint64_t size, const ledger::Hash& root) override {
    return signer_.Confirm(size, root);
  }
  absl::Status KeepCosigned(uint64_t size, std::string_view note) override;

 private:
  void AddRecent(uint64_t size, uint64_t bytes_max, v1::Batch* batch);
  absl::Status AddStored(uint64_t size, uint64_t bytes_max, v1::Batch* batch);

  ledger::LogStore& log_;
  ledger::HeadSigner& signer_;
  // What the state machine was told; the log may have grown since.
  uint64_t committed_ = 0;
  // Over the log up to the end of the last batch, so that heads in the middle
  // of the log need no rehashing.
  ledger::CompactRange batch_range_;
  // Of heads under way to the province.
  std::map<uint64_t, ledger::Hash> signed_roots_;
};

}  // namespace tongchou::node
