#include "audit/receipts.h"

#include "audit/archive.h"
#include "common/base/status.h"

namespace tongchou::audit {
namespace {

constexpr size_t kHashBytes = 32;

std::string Place(uint64_t sequence) {
  return fmt::format("{} entry {}", LogName(kProvinceLog), sequence);
}

}  // namespace

void Receipts::Take(const AuditedEntry& entry) {
  if (static_cast<int>(entry.header.type()) !=
      static_cast<int>(v1::PROVINCE_RECORD_TYPE_GROUP_RECEIPT)) {
    return;
  }
  const uint64_t sequence = entry.header.sequence();
  v1::GroupReceipt receipt;
  if (!receipt.ParseFromString(entry.body.record())) {
    return findings_.Add(Place(sequence), "is no receipt of a group");
  }
  if (last_ordinal_ != 0 && receipt.ordinal() != last_ordinal_ + 1) {
    findings_.Add(
        Place(sequence),
        fmt::format("is the receipt of group {}, but that of group {} "
                    "came before",
                    receipt.ordinal(), last_ordinal_));
  }
  last_ordinal_ = receipt.ordinal();
  for (const v1::CityRange& range : receipt.again()) {
    TakeAgain(range, sequence);
  }
  for (const v1::CityRange& range : receipt.ranges()) {
    std::vector<Receipt>& known = cities_[range.city()];
    const uint64_t held = known.empty() ? 0 : known.back().size;
    if (range.from() != held || range.to() < held ||
        range.root().size() != kHashBytes) {
      findings_.Add(
          Place(sequence),
          fmt::format("takes over entries {} to {} of {}, but the province "
                      "held {}",
                      range.from(), range.to(), LogName(range.city()), held));
    }
    if (range.root().size() != kHashBytes) continue;
    known.push_back({range.to(), base::Hash::FromView(range.root()), sequence});
  }
}

// What is taken again must have been taken before: nothing new is let in by it.
void Receipts::TakeAgain(const v1::CityRange& range, uint64_t sequence) {
  const auto known = cities_.find(range.city());
  const uint64_t held = known == cities_.end() || known->second.empty()
                            ? 0
                            : known->second.back().size;
  if (range.from() >= held || range.to() <= range.from() ||
      range.root().size() != kHashBytes) {
    return findings_.Add(
        Place(sequence),
        fmt::format("takes entries {} to {} of {} again, but there were "
                    "receipts for {}",
                    range.from(), range.to(), LogName(range.city()), held));
  }
  again_[range.city()].push_back(
      {range.to(), base::Hash::FromView(range.root()), sequence});
}

void Receipts::Want(uint32_t city, WantedSizes* wanted) const {
  for (const auto* all : {&cities_, &again_}) {
    const auto receipts = all->find(city);
    if (receipts == all->end()) continue;
    for (const Receipt& one : receipts->second) {
      if (one.size > 0) (*wanted)[one.size] = true;
    }
  }
}

absl::Status Receipts::CompareRoots(uint32_t city,
                                    const std::vector<Receipt>& receipts,
                                    const LogOutcome& outcome,
                                    Findings* findings) const {
  for (const Receipt& one : receipts) {
    const auto root = outcome.roots.find(one.size);
    if (root == outcome.roots.end() && one.size > 0 &&
        one.size <= outcome.resumed_size) {
      return base::FailedPreconditionError(
          "{}: the province's log has got a receipt at size {}, within the "
          "part that was verified before; verify without --resume",
          LogName(city), one.size);
    }
    if (root == outcome.roots.end() || root->second == one.root) continue;
    findings->Add(Place(one.sequence),
                  fmt::format("names another root at size {} of {} than that "
                              "log has",
                              one.size, LogName(city)));
  }
  return absl::OkStatus();
}

absl::Status Receipts::Compare(uint32_t city, const LogOutcome& outcome,
                               Findings* findings) const {
  uint64_t covered = 0;
  for (const auto* all : {&cities_, &again_}) {
    const auto receipts = all->find(city);
    if (receipts == all->end()) continue;
    RETURN_IF_ERROR(CompareRoots(city, receipts->second, outcome, findings));
    if (all == &cities_ && !receipts->second.empty()) {
      covered = receipts->second.back().size;
    }
  }
  if (covered >= outcome.size) return absl::OkStatus();
  findings->Add(fmt::format("{} entries {} to {}", LogName(city), covered,
                            outcome.size - 1),
                "are in no receipt of the province's log");
  return absl::OkStatus();
}

void Receipts::SaveTo(v1::VerifiedLog* facts) const {
  facts->set_last_ordinal(last_ordinal_);
  for (const auto* all : {&cities_, &again_}) {
    for (const auto& [city, receipts] : *all) {
      for (const Receipt& one : receipts) {
        v1::VerifiedReceipt& saved = *facts->add_receipts();
        saved.set_city(city);
        saved.set_size(one.size);
        saved.set_root(std::string(one.root.view()));
        saved.set_sequence(one.sequence);
        saved.set_again(all == &again_);
      }
    }
  }
}

absl::Status Receipts::Restore(const v1::VerifiedLog& facts) {
  last_ordinal_ = facts.last_ordinal();
  for (const v1::VerifiedReceipt& saved : facts.receipts()) {
    if (saved.root().size() != kHashBytes) {
      return base::DataLossError("a root has not {} bytes", kHashBytes);
    }
    (saved.again() ? again_ : cities_)[saved.city()].push_back(
        {saved.size(), base::Hash::FromView(saved.root()), saved.sequence()});
  }
  return absl::OkStatus();
}

}  // namespace tongchou::audit
