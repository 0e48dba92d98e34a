#include "tests/faults/restore_scenario.h"

#include <utility>
#include <vector>

#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "node/log_key.h"
#include "node/record_index.h"
#include "node/record_reader.h"
#include "node/restore.h"
#include "node/sequencer.h"
#include "tests/faults/log_content.h"
#include "tests/faults/unit_rows.h"

namespace tongchou::faults {
namespace {

using Pieces = std::vector<v1::ReadBackResponse>;

constexpr uint32_t kDay = 20'081'031;
// Of the old copy, of them those that the province has; of the province.
constexpr uint64_t kOldEntries = 22;
constexpr uint64_t kSharedEntries = 20;
constexpr uint64_t kProvinceEntries = 322;
constexpr char kUnsent[] = "unsent";

struct Transaction {
  std::vector<node::PendingChange> changes;
  std::string id;
};

absl::Status Commit(ledger::LogStore* log, const std::string& state,
                    const std::vector<Transaction>& all) {
  ASSIGN_OR_RETURN(const auto index, node::RecordIndex::Open({state}, *log));
  base::RealClock real_clock;
  const node::CommitClock clock(&real_clock, kDay);
  node::SequencerOptions options;
  options.synthetic_seed = "faults";
  options.read_only_reason = [] { return std::string(); };
  options.committed = [](uint64_t) {};
  const auto sequencer =
      node::Sequencer::Start(std::move(options), log, index.get(), &clock);
  for (const Transaction& one : all) {
    node::WriteGroup group;
    group.changes = one.changes;
    group.one_transaction = true;
    group.transaction_id = one.id;
    RETURN_IF_ERROR(sequencer->Commit(std::move(group)).status());
  }
  return index->Flush();
}

// One message for each bundle, with a head behind each.
absl::StatusOr<Pieces> PiecesOf(const ledger::LogStore& log,
                                const ledger::Signer& signer) {
  Pieces pieces(1);
  pieces.front().set_size(log.Head().size());
  pieces.front().set_incarnation_counter(7);
  absl::Status status;
  RETURN_IF_ERROR(log.ReadBundles(0, [&](ledger::StoredBundle&& stored) {
    const auto range = ledger::PeekBundle(stored.bytes);
    const auto root = log.RootAt(range->end());
    status = root.status();
    if (!status.ok()) return false;
    v1::ReadBackResponse& piece = pieces.emplace_back();
    piece.add_bundles(stored.bytes);
    piece.add_checkpoints(signer.Sign(range->end(), *root));
    return true;
  }));
  RETURN_IF_ERROR(status);
  return pieces;
}

// As the province answers.
node::ReadBackOpener OpenerOf(const Pieces& pieces) {
  return [&pieces](uint64_t from) -> absl::StatusOr<node::ReadBackSource> {
    Pieces answer = {pieces[0]};
    for (size_t i = 1; i < pieces.size(); ++i) {
      const auto range = ledger::PeekBundle(pieces[i].bundles(0));
      if (range->first_sequence >= from) answer.push_back(pieces[i]);
    }
    if (answer.size() == 1) {
      *answer[0].add_checkpoints() = pieces.back().checkpoints(0);
    }
    return [answer, next = size_t{0}](
               v1::ReadBackResponse* piece) mutable -> absl::StatusOr<bool> {
      if (next == answer.size()) return false;
      *piece = answer[next++];
      return true;
    };
  };
}

class RestoreScenario final : public Scenario {
 public:
  explicit RestoreScenario(const std::string& directory);

  absl::Status Open() override;
  void Close() override {
    index_.reset();
    log_.reset();
  }
  bool is_open() const override { return index_ != nullptr; }
  size_t steps() const override { return 1; }
  absl::Status Step(size_t step) override;
  absl::StatusOr<std::string> Read() override;
  absl::Status Holds(size_t acknowledged) override;

 private:
  absl::Status Prepare(const std::string& province);
  absl::Status OpenAll();

  node::NodeConfig config_;
  Pieces pieces_;
  std::unique_ptr<ledger::LogStore> log_;
  std::unique_ptr<node::RecordIndex> index_;
};

RestoreScenario::RestoreScenario(const std::string& directory) {
  config_.province = "360000";
  config_.city = 360'100;
  config_.data = directory + "/data";
  config_.sign_guard = directory + "/guard.json";
  config_.signing_key = directory + "/log-key.pem";
  config_.clock_day = kDay;
  config_.synthetic_seed = "faults";
  const absl::Status prepared = Prepare(directory + ".province");
  TONGCHOU_CHECK(prepared.ok());
}

absl::Status RestoreScenario::Prepare(const std::string& province) {
  RETURN_IF_ERROR(WriteTestKey(config_.signing_key, 1));
  ASSIGN_OR_RETURN(const ledger::Signer signer, node::LoadSigner(config_));
  const auto shared = Units(0, kSharedEntries, 0);
  {
    ASSIGN_OR_RETURN(const auto log, ledger::LogStore::Open({province}));
    RETURN_IF_ERROR(Commit(log.get(), province + "-state",
                           {{shared, ""},
                            {Units(100, 300, 0), ""},
                            {{Unit(1, 1), Unit(2, 1)}, ""}}));
    ASSIGN_OR_RETURN(pieces_, PiecesOf(*log, signer));
  }
  ASSIGN_OR_RETURN(const auto log,
                   ledger::LogStore::Open({config_.data + "/log"}));
  return Commit(log.get(), config_.data + "/state",
                {{shared, ""}, {{Unit(3, 5), Unit(900, 5)}, kUnsent}});
}

absl::Status RestoreScenario::Open() {
  const absl::Status status = OpenAll();
  if (!status.ok()) Close();
  return status;
}

absl::Status RestoreScenario::OpenAll() {
  RETURN_IF_ERROR(node::EndReplacement(config_));
  ASSIGN_OR_RETURN(log_, ledger::LogStore::Open({config_.data + "/log"}));
  ASSIGN_OR_RETURN(index_,
                   node::RecordIndex::Open({config_.data + "/state"}, *log_));
  return absl::OkStatus();
}

absl::Status RestoreScenario::Step(size_t /*step*/) {
  Close();
  RETURN_IF_ERROR(
      node::Restore(config_, OpenerOf(pieces_), [](const auto&) {}).status());
  return Open();
}

absl::StatusOr<std::string> RestoreScenario::Read() {
  ASSIGN_OR_RETURN(const LogContent content, ReadLog(*log_));
  for (const auto& [key, last] : content.records) {
    ASSIGN_OR_RETURN(const auto known, index_->Find(key));
    if (!known.has_value() || known->sequence != last.sequence) {
      return base::InternalError("silent: the index contradicts the log at {}",
                                 last.sequence);
    }
  }
  return fmt::format("{} entries, root {}", log_->Head().size(),
                     base::HexEncode(log_->Head().range.Root().view()));
}

// Before: all or nothing.
absl::Status RestoreScenario::Holds(size_t acknowledged) {
  constexpr uint64_t kAll = kProvinceEntries + kOldEntries - kSharedEntries;
  const uint64_t size = log_->Head().size();
  if (size != kAll && (acknowledged > 0 || size != kOldEntries)) {
    return base::DataLossError("{} entries", size);
  }
  ASSIGN_OR_RETURN(const auto unsent, log_->FindTransaction(kUnsent));
  return unsent.has_value() ? absl::OkStatus()
                            : base::DataLossError("the unsent are gone");
}

}  // namespace

std::unique_ptr<Scenario> MakeRestoreScenario(const std::string& directory) {
  return std::make_unique<RestoreScenario>(directory);
}

}  // namespace tongchou::faults
