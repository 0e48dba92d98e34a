#include "aggregator/state/draft.h"

#include <cstring>
#include <utility>

#include "common/base/clock.h"
#include "common/base/cpu_account.h"
#include "common/base/key_order.h"
#include "common/base/status.h"
#include "common/records/record_key.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::aggregator {
namespace {

base::CpuAccount parsing("parse");
base::CpuAccount sorting("sort");

std::string_view MakeRowKey(std::string_view record_key, uint32_t city,
                            Arena* arena) {
  const char tail[] = {static_cast<char>(city >> 16),
                       static_cast<char>(city >> 8), static_cast<char>(city)};
  char* key = arena->Allocate(1 + record_key.size() + sizeof(tail));
  key[0] = 'R';
  record_key.copy(key + 1, record_key.size());
  std::memcpy(key + 1 + record_key.size(), tail, sizeof(tail));
  return {key, 1 + record_key.size() + sizeof(tail)};
}

// Changes of which the memory is asked for before their turn.
constexpr size_t kPrefetchAhead = 16;

}  // namespace

absl::Status ReadEntry(const ledger::Bundle& bundle, size_t i,
                       ledger::HeaderView* header, ledger::BodyView* body) {
  const auto bytes = bundle.body(i);
  if (!bytes.has_value() || !ledger::ReadHeader(bundle.header(i), header) ||
      !ledger::ReadBody(*bytes, body)) {
    return base::DataLossError("journal: entry {} cannot be read",
                               bundle.first_sequence() + i);
  }
  return absl::OkStatus();
}

RecordVersion VersionOf(const ledger::HeaderView& header,
                        const ledger::BodyView& body) {
  RecordVersion version;
  version.sequence = header.sequence;
  version.commit_time_us = header.commit_time_us;
  version.previous = header.previous;
  version.deleted = header.operation != v1::OPERATION_UPSERT;
  if (!version.deleted) version.record = body.record;
  return version;
}

DraftMaker::DraftMaker(Position position, Sink sink, std::function<bool()> idle,
                       std::function<size_t()> changes_max)
    : sink_(std::move(sink)),
      idle_(std::move(idle)),
      changes_max_(std::move(changes_max)),
      next_(std::move(position)),
      handed_over_(next_.ordinal),
      draft_(std::make_unique<Draft>()) {}

absl::Status DraftMaker::Take(const JournalBundle& stored) {
  CityPosition& position = next_.cities[stored.city];
  if (stored.first_sequence + stored.count <= position.size) {
    return absl::OkStatus();
  }
  std::shared_ptr<const ledger::Bundle> bundle = stored.decoded;
  if (bundle == nullptr) {
    auto decoded = std::make_shared<ledger::Bundle>();
    RETURN_IF_ERROR(decoded->Decode(stored.bytes));
    bundle = std::move(decoded);
  }
  RETURN_IF_ERROR(TakeEntries(bundle, stored.city, &position));
  // A bundle ends where a transaction does.
  return IsEarly() ? Finish() : absl::OkStatus();
}

absl::Status DraftMaker::TakeEntries(
    const std::shared_ptr<const ledger::Bundle>& bundle, uint32_t city,
    CityPosition* position) {
  const base::CpuScope scope(parsing);
  ledger::HeaderView header;
  ledger::BodyView body;
  for (size_t i = 0; i < bundle->count(); ++i) {
    RETURN_IF_ERROR(ReadEntry(*bundle, i, &header, &body));
    if (header.sequence < position->size) continue;
    RETURN_IF_ERROR(StartDay(city, header, position));
    if (bundles_.empty() || bundles_.back() != bundle) {
      bundles_.push_back(bundle);
    }
    Add(city, header, body, position);
    if (header.last_of_transaction && incoming_.size() >= changes_max_()) {
      RETURN_IF_ERROR(Finish());
    }
  }
  return absl::OkStatus();
}

bool DraftMaker::IsEarly() const {
  return incoming_.size() >= kHandOverChanges &&
         std::chrono::steady_clock::now() - started_ >= kEarlyBatchTime &&
         idle_();
}

absl::Status DraftMaker::StartDay(uint32_t city,
                                  const ledger::HeaderView& header,
                                  CityPosition* position) {
  const uint32_t day = base::ChinaDay(header.commit_time_us);
  const auto known = days_.find(city);
  if (known != days_.end() && known->second == day) return absl::OkStatus();
  if (known != days_.end()) RETURN_IF_ERROR(Finish());
  days_[city] = day;
  days_before_[city] =
      position->size == 0 ? 0 : base::ChinaDay(position->last_commit_time_us);
  if (position->first_commit_day == 0) position->first_commit_day = day;
  return absl::OkStatus();
}

void DraftMaker::Add(uint32_t city, const ledger::HeaderView& header,
                     const ledger::BodyView& body, CityPosition* position) {
  position->size = header.sequence + 1;
  position->last_commit_time_us = header.commit_time_us;
  uint32_t type = header.type;
  const bool known = records::Schema::Get().Find(type) != nullptr &&
                     records::TypeOfKey(body.key) == type;
  if (!known) type = 0;
  if (!known || !v1::Operation_IsValid(static_cast<int>(header.operation))) {
    ++position->uninterpreted;
  }
  if (incoming_.empty()) started_ = std::chrono::steady_clock::now();
  incoming_.push_back({MakeRowKey(body.key, city, &draft_->arena),
                       VersionOf(header, body), city, type});
}

// Lays key and value down behind each other.
Change DraftMaker::LaidDown(const Incoming& incoming) {
  Change change;
  change.city = incoming.city;
  change.type = incoming.type;
  change.after = incoming.version;
  const VersionHead head = EncodeVersionHead(change.after);
  const size_t key_bytes = incoming.row_key.size();
  const std::string_view bytes = draft_->arena.Join(
      incoming.row_key, head.view(), incoming.version.record);
  change.row_key = bytes.substr(0, key_bytes);
  change.value = bytes.substr(key_bytes);
  change.after.record = change.value.substr(head.bytes.size());
  return change;
}

// The last change of each record in the order of the row keys, in memory too,
// so that all that follows goes through it from one end to the other.
std::vector<Change> DraftMaker::Sorted() {
  const base::CpuScope scope(sorting);
  // All begin with 'R'.
  const std::vector<uint32_t> order = base::KeyOrder(
      incoming_.size(), 1, [&](size_t i) { return incoming_[i].row_key; });
  std::vector<Change> sorted;
  sorted.reserve(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    if (i + kPrefetchAhead < order.size()) {
      __builtin_prefetch(&incoming_[order[i + kPrefetchAhead]]);
      const Incoming& near = incoming_[order[i + kPrefetchAhead / 2]];
      __builtin_prefetch(near.row_key.data());
      __builtin_prefetch(near.version.record.data());
    }
    const Incoming& change = incoming_[order[i]];
    const bool last = i + 1 == order.size() ||
                      incoming_[order[i + 1]].row_key != change.row_key;
    if (last) sorted.push_back(LaidDown(change));
  }
  return sorted;
}

std::map<uint32_t, CityDays> DraftMaker::Days() const {
  std::map<uint32_t, CityDays> cities;
  for (const auto& [code, position] : next_.cities) {
    if (position.size == 0) continue;
    const auto in_batch = days_.find(code);
    if (in_batch == days_.end()) {
      const uint32_t day = base::ChinaDay(position.last_commit_time_us);
      cities[code] = {day, day, false};
    } else {
      cities[code] = {days_before_.at(code), in_batch->second, true};
    }
  }
  return cities;
}

absl::Status DraftMaker::Finish() {
  if (incoming_.empty() && handed_over_ == next_.ordinal) {
    return absl::OkStatus();
  }
  draft_->changes = Sorted();
  incoming_.clear();
  bundles_.clear();
  draft_->days = Days();
  draft_->position = next_;
  handed_over_ = next_.ordinal;
  days_.clear();
  days_before_.clear();
  return sink_(std::exchange(draft_, std::make_unique<Draft>()));
}

}  // namespace tongchou::aggregator
