#include "tests/faults/journal_scenario.h"

#include <utility>
#include <vector>

#include "aggregator/journal/journal.h"
#include "aggregator/service/own_head.h"
#include "common/base/ed25519.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/signer.h"
#include "tests/aggregator/append_all.h"
#include "tests/faults/log_content.h"
#include "tests/faults/province_log.h"

namespace tongchou::faults {
namespace {

using aggregator::Journal;
using aggregator::JournalBatch;
using aggregator::JournalBundle;
using aggregator::JournalGroup;

constexpr char kOrigin[] = "tongchou/360000";
constexpr int kGroups = 12;
constexpr int kGroupPersons = 10;
constexpr int kGroupsBetweenRestarts = 3;

base::Hash Secret(std::string_view of) { return base::Sha256(of); }

class JournalScenario final : public Scenario {
 public:
  explicit JournalScenario(const std::string& directory);
  ~JournalScenario() override { Close(); }

  absl::Status Open() override;
  void Close() override {
    head_.reset();
    journal_.reset();
  }
  bool is_open() const override { return head_ != nullptr; }
  size_t steps() const override { return steps_.size(); }
  absl::Status Step(size_t step) override;
  absl::StatusOr<std::string> Read() override;
  absl::Status Holds(size_t acknowledged) override;
  std::string Suspicion() override { return head_->problem(); }

 private:
  struct OneStep {
    std::function<absl::Status()> run;
    uint64_t own_entries = 0;            // of the own log after it
    std::map<uint32_t, uint64_t> sizes;  // of the cities after it
  };
  void Add(std::function<absl::Status()> run, uint64_t own_entries) {
    own_entries_ += own_entries;
    steps_.push_back({std::move(run), own_entries_, sizes_});
  }
  void AddGroup(std::vector<JournalBatch> batches, bool access);
  void AddActs();

  absl::Status OpenAll();
  absl::Status Show();
  absl::Status CheckCity(uint32_t city, std::string* content) const;
  absl::Status CheckReceipts(const std::vector<JournalGroup>& groups) const;

  const std::string path_;
  const std::string guard_;
  std::vector<OneStep> steps_;
  uint64_t own_entries_ = 0;
  std::map<uint32_t, uint64_t> sizes_;
  ledger::LogHead shown_;  // of the own log, signed
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<aggregator::OwnHead> head_;
};

JournalScenario::JournalScenario(const std::string& directory)
    : path_(directory + "/data/journal"), guard_(directory + "/guard.json") {
  static const auto* const groups =
      new auto(MakeGroups(kGroups, kGroupPersons));
  for (int i = 0; i < kGroups; ++i) {
    AddGroup((*groups)[i], i % 2 == 0);
    if (i == kGroupsBetweenRestarts) AddActs();
    Add([this] { return Show(); }, 0);
    if (i % kGroupsBetweenRestarts != 0) continue;
    Add(
        [this] {
          Close();
          return Open();
        },
        0);
  }
}

void JournalScenario::AddGroup(std::vector<JournalBatch> batches, bool access) {
  std::vector<aggregator::OwnEntry> entries;
  if (access) {
    v1::Access read;
    read.set_reader("officer");
    entries.push_back(aggregator::AccessEntry(read));
  }
  for (const JournalBatch& batch : batches) {
    sizes_[batch.city] = batch.batch.end_size;
  }
  Add(
      [this, batches = std::move(batches), entries] {
        return aggregator::AppendAll(journal_.get(), batches, entries).status();
      },
      1 + entries.size());
}

void JournalScenario::AddActs() {
  const uint32_t city = kBatchCities[0];
  Add(
      [=, this] {
        return journal_->Quarantine(city, "fork", {"a", "b", "c"});
      },
      1);
  Add([=, this] { return journal_->Release(city, "admin", "mended"); }, 1);
  Add(
      [=, this] {
        return journal_->Revoke(Secret("certificate"), city, "admin", "stolen");
      },
      1);
  v1::Invitation invitation;
  invitation.set_city(361'100);
  Add(
      [=, this] {
        return journal_->Invite(Secret("token"), invitation, "admin", "new");
      },
      1);
  v1::JoinedCity joined;
  joined.set_city(361'100);
  joined.set_log_key("key");
  Add([=, this] { return journal_->Join(Secret("token"), joined); }, 1);
}

absl::Status JournalScenario::Open() {
  const absl::Status status = OpenAll();
  if (!status.ok()) Close();
  return status;
}

absl::Status JournalScenario::OpenAll() {
  ASSIGN_OR_RETURN(journal_, Journal::Open({path_}));
  auto key = base::Ed25519PrivateKey::FromSeed(
      std::string(base::kEd25519SeedBytes, 7));
  RETURN_IF_ERROR(key.status());
  aggregator::OwnHeadOptions options;
  options.sign_guard = guard_;
  options.origin = kOrigin;
  ASSIGN_OR_RETURN(head_, aggregator::OwnHead::Open(
                              options, ledger::Signer(kOrigin, *std::move(key)),
                              &journal_->own_log()));
  return absl::OkStatus();
}

// What adds to the own log was done when the log has that.
absl::Status JournalScenario::Step(size_t step) {
  if (!is_open()) RETURN_IF_ERROR(Open());
  const uint64_t before = step == 0 ? 0 : steps_[step - 1].own_entries;
  const uint64_t after = steps_[step].own_entries;
  const uint64_t size = journal_->own_log().Head().size();
  if (after > before && size >= after) return absl::OkStatus();
  if (size < before) {
    return base::OutOfRangeError("shorter: {} own entries of {}", size, before);
  }
  if (size > before) {
    return base::InternalError("silent: {} own entries, not {} or {}", size,
                               before, after);
  }
  return steps_[step].run();
}

absl::Status JournalScenario::Show() {
  const ledger::LogHead head = journal_->own_log().Head();
  RETURN_IF_ERROR(head_->Sign().status());
  shown_ = head;
  return absl::OkStatus();
}

absl::Status JournalScenario::CheckCity(uint32_t city,
                                        std::string* content) const {
  ledger::CompactRange range;
  ledger::Bundle bundle;
  absl::Status status;
  RETURN_IF_ERROR(journal_->ReadCity(city, 0, [&](JournalBundle&& stored) {
    status = bundle.Decode(stored.bytes);
    if (status.ok() && (stored.first_sequence != range.size() ||
                        stored.count != bundle.count())) {
      status = base::InternalError("silent: city {}: a gap at {}", city,
                                   range.size());
    }
    if (status.ok()) range.Append(bundle.leaf_hashes());
    return status.ok();
  }));
  RETURN_IF_ERROR(status);
  ASSIGN_OR_RETURN(const exchange::CityCopy copy, journal_->City(city));
  if (range != copy.range) {
    return base::InternalError("silent: city {}: {} entries, the position {}",
                               city, range.size(), copy.range.size());
  }
  *content +=
      fmt::format("{}: {} {} {}\n", city, range.size(),
                  base::HexEncode(range.Root().view()), copy.quarantine);
  return absl::OkStatus();
}

absl::Status JournalScenario::CheckReceipts(
    const std::vector<JournalGroup>& groups) const {
  std::vector<v1::GroupReceipt> receipts;
  absl::Status status;
  ledger::Bundle bundle;
  RETURN_IF_ERROR(
      journal_->own_log().ReadBundles(0, [&](ledger::StoredBundle&& stored) {
        status = bundle.Decode(stored.bytes);
        for (size_t i = 0; status.ok() && i < bundle.count(); ++i) {
          v1::EntryHeader header;
          v1::EntryBody body;
          header.ParseFromString(std::string(bundle.header(i)));
          body.ParseFromString(std::string(bundle.body(i).value_or("")));
          if (static_cast<int>(header.type()) ==
              v1::PROVINCE_RECORD_TYPE_GROUP_RECEIPT) {
            receipts.emplace_back().ParseFromString(body.record());
          }
        }
        return status.ok();
      }));
  RETURN_IF_ERROR(status);
  if (receipts.size() != groups.size()) {
    return base::InternalError("silent: {} receipts for {} groups",
                               receipts.size(), groups.size());
  }
  for (size_t i = 0; i < groups.size(); ++i) {
    const bool same = receipts[i].ordinal() == i + 1 &&
                      groups[i].ordinal == i + 1 &&
                      receipts[i].ranges_size() ==
                          static_cast<int>(groups[i].checkpoints.size()) &&
                      receipts[i].again().empty();
    if (!same) {
      return base::InternalError("silent: group {} and its receipt differ",
                                 i + 1);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> JournalScenario::Read() {
  RETURN_IF_ERROR(ReadLog(journal_->own_log()).status());
  std::vector<JournalGroup> groups;
  RETURN_IF_ERROR(journal_->ReadGroups(1, [&](JournalGroup&& group) {
    groups.push_back(std::move(group));
    return true;
  }));
  if (groups.size() != journal_->last_ordinal()) {
    return base::InternalError("silent: {} groups, the last is {}",
                               groups.size(), journal_->last_ordinal());
  }
  RETURN_IF_ERROR(CheckReceipts(groups));
  std::string content;
  for (const uint32_t city : kBatchCities) {
    RETURN_IF_ERROR(CheckCity(city, &content));
  }
  ASSIGN_OR_RETURN(const auto revoked, journal_->Revoked());
  ASSIGN_OR_RETURN(const auto joined, journal_->JoinedCities());
  ASSIGN_OR_RETURN(const auto token, journal_->FindInvitation(Secret("token")));
  return fmt::format("{}{} groups, {} own entries, {} revoked, {} joined, {}",
                     content, groups.size(), journal_->own_log().Head().size(),
                     revoked.size(), joined.size(),
                     token.has_value() ? "invited" : "no invitation");
}

absl::Status JournalScenario::Holds(size_t acknowledged) {
  const ledger::LogStore& own = journal_->own_log();
  ASSIGN_OR_RETURN(const base::Hash root, own.RootAt(shown_.size()));
  if (root != shown_.range.Root()) {
    return base::DataLossError("another own log than was shown");
  }
  if (acknowledged == 0) return absl::OkStatus();
  const OneStep& last = steps_[acknowledged - 1];
  if (own.Head().size() < last.own_entries) {
    return base::DataLossError("{} own entries of {}", own.Head().size(),
                               last.own_entries);
  }
  for (const auto& [city, size] : last.sizes) {
    ASSIGN_OR_RETURN(const exchange::CityCopy copy, journal_->City(city));
    if (copy.range.size() < size) {
      return base::DataLossError("city {}: {} entries of {}", city,
                                 copy.range.size(), size);
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<Scenario> MakeJournalScenario(const std::string& directory) {
  return std::make_unique<JournalScenario>(directory);
}

}  // namespace tongchou::faults
