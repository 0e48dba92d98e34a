// Entries of the province's own log as they are made: proto/tongchou/v1/
// province.proto says what they hold.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/ledger/bundle.h"
#include "common/ledger/log_store.h"
#include "tongchou/v1/province.pb.h"

namespace tongchou::aggregator {

// Besides the province and auditors, every city is given the body.
inline constexpr uint32_t kAudienceProvince = 0;
inline constexpr uint32_t kAudienceEveryone = 1;

struct OwnEntry {
  v1::ProvinceRecordType type = v1::PROVINCE_RECORD_TYPE_UNSPECIFIED;
  uint32_t audience = kAudienceProvince;  // or everyone, or a city's code
  std::string record;                     // the serialised message
};

OwnEntry ReceiptEntry(const v1::GroupReceipt& receipt);
OwnEntry AccessEntry(const v1::Access& access);
OwnEntry RefusalsEntry(const v1::Refusals& refusals);
OwnEntry CityActEntry(const v1::CityAct& act);

// At most so many entries go into one group commit, receipt included.
inline constexpr size_t kOwnEntriesMax = ledger::kBundleEntriesTarget;

// The group commit that appends them behind `head`, each a transaction of its
// own. Times never decrease, whatever the clock says.
ledger::GroupCommit MakeOwnCommit(const ledger::LogHead& head,
                                  const std::vector<OwnEntry>& entries,
                                  int64_t now_us, ledger::BundleWriter* writer);

}  // namespace tongchou::aggregator
