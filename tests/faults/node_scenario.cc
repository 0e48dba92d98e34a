#include "tests/faults/node_scenario.h"

#include <utility>
#include <vector>

#include "common/base/file.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/head_signer.h"
#include "node/import_session.h"
#include "node/local_facts.h"
#include "node/log_key.h"
#include "node/record_index.h"
#include "node/record_reader.h"
#include "node/sequencer.h"
#include "tests/faults/log_content.h"
#include "tests/faults/unit_rows.h"

namespace tongchou::faults {
namespace {

constexpr uint32_t kDay = 20'081'031;
constexpr int kRounds = 3;
constexpr size_t kWriteBufferBytes = 64 << 10;
// Fewer than there are records, so that the state is asked.
constexpr size_t kIndexEntries = 200;

class NodeScenario final : public Scenario {
 public:
  explicit NodeScenario(const std::string& directory);
  ~NodeScenario() override { Close(); }

  absl::Status Open() override;
  void Close() override;
  bool is_open() const override { return sequencer_ != nullptr; }
  size_t steps() const override { return steps_.size(); }
  absl::Status Step(size_t step) override {
    if (!is_open()) RETURN_IF_ERROR(Open());
    return steps_[step].run();
  }
  absl::StatusOr<std::string> Read() override;
  absl::Status Holds(size_t acknowledged) override;

 private:
  struct OneStep {
    std::function<absl::Status()> run;
    std::string transaction;  // that it commits; empty = none
    uint32_t receipts = 0;    // import receipts that there are after it
  };
  void Add(std::function<absl::Status()> run) {
    steps_.push_back({std::move(run), "", receipts_});
  }
  void AddCommit(std::vector<node::PendingChange> changes);
  void AddRound(int round);
  void AddKeyChange();

  absl::Status OpenAll();
  absl::Status CountStart();
  absl::Status Commit(const std::string& id,
                      const std::vector<node::PendingChange>& changes);
  absl::Status Import(uint32_t receipt, const std::string& text);
  absl::Status Ship();
  absl::Status Restart() {
    Close();
    return Open();
  }
  absl::StatusOr<uint32_t> Receipts() const;
  absl::Status CheckIndex(const LogContent& content);

  node::NodeConfig config_;
  base::RealClock real_clock_;
  node::CommitClock clock_{&real_clock_, kDay};
  std::vector<OneStep> steps_;
  uint32_t receipts_ = 0;
  CityCopy province_;    // what was shipped
  uint64_t starts_ = 0;  // that were counted durably
  std::unique_ptr<ledger::LogStore> log_;
  std::unique_ptr<node::RecordIndex> index_;
  std::unique_ptr<node::RecordReader> reader_;
  std::unique_ptr<ledger::HeadSigner> signer_;
  std::unique_ptr<node::Sequencer> sequencer_;
};

NodeScenario::NodeScenario(const std::string& directory) {
  config_.province = "360000";
  config_.city = 360'100;
  config_.data = directory + "/data";
  config_.sign_guard = directory + "/guard.json";
  config_.signing_key = directory + "/log-key.pem";
  TONGCHOU_CHECK(WriteTestKey(config_.signing_key, 1).ok());
  for (int round = 0; round < kRounds; ++round) AddRound(round);
}

void NodeScenario::AddCommit(std::vector<node::PendingChange> changes) {
  const std::string id = fmt::format("transaction-{}", steps_.size());
  Add([this, id, changes = std::move(changes)] { return Commit(id, changes); });
  steps_.back().transaction = id;
}

void NodeScenario::AddRound(int round) {
  const int first = 1'000 * round;
  AddCommit({Unit(first, round), Unit(first + 1, round), Unit(1, round)});
  AddCommit(Units(first + 10, 300, round));
  AddCommit({UnitGone(first), Unit(first + 1, round + 10), Unit(2, round)});
  Add([this] { return Ship(); });
  const uint32_t receipt = ++receipts_;
  Add([this, receipt, text = UnitFile(first + 500, 60)] {
    return Import(receipt, text);
  });
  Add([this] { return index_->Flush(); });
  if (round == 1) AddKeyChange();
  Add([this] { return Ship(); });
  Add([this] { return Restart(); });
}

void NodeScenario::AddKeyChange() {
  const auto step = [this] {
    node::KeyChanger changer(config_, index_.get(), signer_.get(),
                             sequencer_.get());
    return changer.Step(province_.size());
  };
  Add([this] { return WriteTestKey(config_.signing_key + ".next", 2); });
  Add(step);
  Add([this] { return Ship(); });
  Add(step);
}

absl::Status NodeScenario::Open() {
  const absl::Status status = OpenAll();
  if (!status.ok()) Close();
  return status;
}

absl::Status NodeScenario::OpenAll() {
  ledger::LogStoreOptions options;
  options.directory = config_.data + "/log";
  options.write_buffer_bytes = kWriteBufferBytes;
  ASSIGN_OR_RETURN(log_, ledger::LogStore::Open(options));
  ASSIGN_OR_RETURN(index_,
                   node::RecordIndex::Open(
                       {config_.data + "/state", false, kIndexEntries}, *log_));
  reader_ = std::make_unique<node::RecordReader>(log_.get(), config_.city);
  ASSIGN_OR_RETURN(auto keys, node::LoadSigningKeys(
                                  config_, *log_, index_.get(), reader_.get()));
  ASSIGN_OR_RETURN(
      signer_, ledger::HeadSigner::Open(config_.sign_guard, config_.Origin(),
                                        std::move(keys), log_.get(), false));
  RETURN_IF_ERROR(CountStart());
  RETURN_IF_ERROR(signer_->Confirm(province_.size(), province_.Root()));
  node::SequencerOptions sequencer;
  sequencer.synthetic_seed = "faults";
  sequencer.read_only_reason = [this] { return signer_->read_only_reason(); };
  sequencer.committed = [](uint64_t) {};
  sequencer_ = node::Sequencer::Start(std::move(sequencer), log_.get(),
                                      index_.get(), &clock_);
  return absl::OkStatus();
}

// As the uplink does before its first Hello: it never steps back.
absl::Status NodeScenario::CountStart() {
  ASSIGN_OR_RETURN(const uint64_t before,
                   node::ReadNumberFact(*log_, node::kIncarnationFact));
  if (before < starts_) {
    return base::DataLossError("start {} after start {}: a clone", before + 1,
                               starts_);
  }
  RETURN_IF_ERROR(
      log_->PutLocalFact(node::kIncarnationFact, node::NumberFact(before + 1)));
  starts_ = before + 1;
  return absl::OkStatus();
}

void NodeScenario::Close() {
  sequencer_.reset();
  // As the node does at its end; what it says is only logged there.
  if (signer_ != nullptr) signer_->SaveGuard().IgnoreError();
  signer_.reset();
  reader_.reset();
  index_.reset();
  log_.reset();
}

absl::Status NodeScenario::Commit(
    const std::string& id, const std::vector<node::PendingChange>& changes) {
  node::WriteGroup group;
  group.changes = changes;
  group.one_transaction = true;
  group.transaction_id = id;
  return sequencer_->Commit(std::move(group)).status();
}

absl::StatusOr<uint32_t> NodeScenario::Receipts() const {
  ASSIGN_OR_RETURN(const LogContent content, ReadLog(*log_));
  return content.receipts;
}

absl::Status NodeScenario::Import(uint32_t receipt, const std::string& text) {
  // With its receipt it is done; once more would be another command.
  ASSIGN_OR_RETURN(const uint32_t receipts, Receipts());
  if (receipts >= receipt) return absl::OkStatus();
  v1::ImportBegin begin;
  begin.set_mode(v1::IMPORT_MODE_UPSERT);
  begin.set_encoding("utf-8");
  v1::ImportFile* const file = begin.add_files();
  file->set_name(fmt::format("unit-{}.csv", receipt));
  file->set_type("unit");
  file->set_bytes(text.size());
  file->set_sha256(std::string(base::Sha256(text).view()));
  ASSIGN_OR_RETURN(const auto session,
                   node::ImportSession::Begin(
                       {config_.city, true, log_.get(), index_.get(),
                        reader_.get(), sequencer_.get(), &clock_},
                       {7, "tester"}, begin, [](const v1::ImportResponse&) {}));
  RETURN_IF_ERROR(session->Data(text));
  return session->Finish();
}

absl::Status NodeScenario::Ship() {
  const ledger::LogHead head = log_->Head();
  ASSIGN_OR_RETURN(const std::string note,
                   signer_->Sign(head.size(), head.range.Root()));
  RETURN_IF_ERROR(log_->PutCheckpoint(head.size(), note));
  RETURN_IF_ERROR(signer_->SaveGuard());
  return province_.Take(*log_, head);
}

absl::Status NodeScenario::CheckIndex(const LogContent& content) {
  uint64_t live = 0;
  for (const auto& [key, last] : content.records) {
    ASSIGN_OR_RETURN(const auto known, index_->Find(key));
    if (!known.has_value() || known->sequence != last.sequence ||
        known->deleted != last.deleted) {
      return base::InternalError("silent: the index contradicts the log at {}",
                                 last.sequence);
    }
    if (!last.deleted) ++live;
  }
  if (index_->live_records() != live) {
    return base::InternalError("silent: the index has {} records, the log {}",
                               index_->live_records(), live);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> NodeScenario::Read() {
  ASSIGN_OR_RETURN(const LogContent content, ReadLog(*log_));
  RETURN_IF_ERROR(CheckIndex(content));
  return fmt::format("{} entries, {} receipts, {} records, root {}",
                     log_->Head().size(), content.receipts,
                     content.records.size(),
                     base::HexEncode(log_->Head().range.Root().view()));
}

absl::Status NodeScenario::Holds(size_t acknowledged) {
  uint32_t receipts = 0;
  for (size_t i = 0; i < acknowledged; ++i) {
    receipts = std::max(receipts, steps_[i].receipts);
    if (steps_[i].transaction.empty()) continue;
    ASSIGN_OR_RETURN(const auto size,
                     log_->FindTransaction(steps_[i].transaction));
    if (!size.has_value() || *size > log_->Head().size()) {
      return base::DataLossError("{} is not there", steps_[i].transaction);
    }
  }
  ASSIGN_OR_RETURN(const uint32_t held, Receipts());
  if (held < receipts) {
    return base::DataLossError("{} import receipts of {}", held, receipts);
  }
  if (log_->Head().size() < province_.size()) {
    return base::DataLossError("the province has {} entries, here are {}",
                               province_.size(), log_->Head().size());
  }
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<Scenario> MakeNodeScenario(const std::string& directory) {
  return std::make_unique<NodeScenario>(directory);
}

}  // namespace tongchou::faults
