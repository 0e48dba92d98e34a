// The province's own log says which part of which city's log it took over:
// every entry of every city must be covered by such a receipt, without a gap
// and with the root that the city's log has.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "audit/findings.h"
#include "audit/log_check.h"
#include "common/base/sha256.h"
#include "tongchou/v1/province.pb.h"
#include "tongchou/v1/verified_log.pb.h"

namespace tongchou::audit {

// Not thread-safe.
class Receipts {
 public:
  explicit Receipts(Findings* findings) : findings_(*findings) {}

  // An entry of the province's log; all in order.
  void Take(const AuditedEntry& entry);

  // The sizes of the city's log at which a receipt names a root.
  void Want(uint32_t city, WantedSizes* wanted) const;
  // The verified log of the city against its receipts. FAILED_PRECONDITION when
  // one names a size within a part that was verified before, at which nobody
  // kept the root.
  absl::Status Compare(uint32_t city, const LogOutcome& outcome,
                       Findings* findings) const;

  // As they stand with what was proved of the province's log.
  void SaveTo(v1::VerifiedLog* facts) const;
  // DATA_LOSS when a root is none.
  absl::Status Restore(const v1::VerifiedLog& facts);

 private:
  struct Receipt {
    uint64_t size = 0;
    base::Hash root;
    uint64_t sequence = 0;  // in the province's log
  };

  void TakeAgain(const v1::CityRange& range, uint64_t sequence);
  absl::Status CompareRoots(uint32_t city, const std::vector<Receipt>& receipts,
                            const LogOutcome& outcome,
                            Findings* findings) const;

  Findings& findings_;
  uint64_t last_ordinal_ = 0;
  std::map<uint32_t, std::vector<Receipt>> cities_;
  // Of groups that the province lost with its disk and was sent again.
  std::map<uint32_t, std::vector<Receipt>> again_;
};

}  // namespace tongchou::audit
