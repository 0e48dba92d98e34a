#include "aggregator/journal/own_entries.h"

#include <algorithm>

#include "common/base/big_endian.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/ledger/entry_writer.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::aggregator {
namespace {

constexpr size_t kSaltBytes = 16;
constexpr size_t kNumberBytes = 8;

// No two entries are about one record: each has its own number as its key.
std::string KeyOf(v1::ProvinceRecordType type, uint64_t sequence) {
  std::string key(1, static_cast<char>(type));
  base::AppendBigEndian<kNumberBytes>(sequence, &key);
  return key;
}

}  // namespace

OwnEntry ReceiptEntry(const v1::GroupReceipt& receipt) {
  return {v1::PROVINCE_RECORD_TYPE_GROUP_RECEIPT, kAudienceEveryone,
          receipt.SerializeAsString()};
}

OwnEntry AccessEntry(const v1::Access& access) {
  return {v1::PROVINCE_RECORD_TYPE_ACCESS, kAudienceProvince,
          access.SerializeAsString()};
}

OwnEntry RefusalsEntry(const v1::Refusals& refusals) {
  return {v1::PROVINCE_RECORD_TYPE_REFUSALS, kAudienceProvince,
          refusals.SerializeAsString()};
}

OwnEntry CityActEntry(const v1::CityAct& act) {
  return {v1::PROVINCE_RECORD_TYPE_CITY_ACT, act.city(),
          act.SerializeAsString()};
}

ledger::GroupCommit MakeOwnCommit(const ledger::LogHead& head,
                                  const std::vector<OwnEntry>& entries,
                                  int64_t now_us,
                                  ledger::BundleWriter* writer) {
  TONGCHOU_CHECK(!entries.empty() && entries.size() <= kOwnEntriesMax);
  ledger::GroupCommit commit;
  commit.last_commit_time_us = std::max(now_us, head.last_commit_time_us);
  uint64_t sequence = head.size();
  for (const OwnEntry& entry : entries) {
    std::string header;
    ledger::AppendHeader({.sequence = sequence,
                          .commit_time_us = commit.last_commit_time_us,
                          .type = static_cast<uint32_t>(entry.type),
                          .operation = v1::OPERATION_UPSERT,
                          .reason = v1::REASON_WRITE,
                          .last_of_transaction = true,
                          .audience = entry.audience},
                         &header);
    const std::string salt = base::RandomBytes(kSaltBytes);
    const std::string key = KeyOf(entry.type, sequence);
    std::string body;
    ledger::AppendBody({.salt = salt, .key = key, .record = entry.record},
                       &body);
    writer->Add(header, body);
    ++sequence;
  }
  commit.bundles.push_back({head.size(), entries.size(),
                            writer->Finish(head.size(), &commit.leaf_hashes)});
  return commit;
}

}  // namespace tongchou::aggregator
