// The simulated disk of the province behaves as the journal and the unified
// database do.
#include "tests/simulation/province_disk.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>

#include "tests/aggregator/test_province.h"

namespace tongchou::simulation {
namespace {

using aggregator::JournalBatch;

constexpr uint32_t kCities[] = {360100, 360200, 360400};
const std::map<uint32_t, std::string> kCounties = {
    {360100, "360111"}, {360200, "360202"}, {360400, "360403"}};
constexpr int kSeeds = 4;
constexpr int kSteps = 60;
constexpr int64_t kStart = 1'200'000'000'000'000;

// What the own log says, without the salts, which nobody can foretell.
using OwnRecords = std::vector<std::string>;

OwnRecords RecordsOf(const ledger::LogStore& log) {
  OwnRecords records;
  ledger::Bundle bundle;
  EXPECT_TRUE(log.ReadBundles(0,
                              [&](ledger::StoredBundle&& stored) {
                                EXPECT_TRUE(bundle.Decode(stored.bytes).ok());
                                for (size_t i = 0; i < bundle.count(); ++i) {
                                  v1::EntryBody body;
                                  EXPECT_TRUE(body.ParseFromString(
                                      std::string(*bundle.body(i))));
                                  records.push_back(
                                      std::string(bundle.header(i)) +
                                      body.key() + body.record());
                                }
                                return true;
                              })
                  .ok());
  return records;
}

// What a log has beyond a size, as a mirror gives it back.
ledger::GroupCommit Beyond(const ledger::LogStore& log, uint64_t size) {
  ledger::GroupCommit commit;
  commit.last_commit_time_us = log.Head().last_commit_time_us;
  ledger::Bundle bundle;
  EXPECT_TRUE(log.ReadBundles(size,
                              [&](ledger::StoredBundle&& stored) {
                                EXPECT_TRUE(bundle.Decode(stored.bytes).ok());
                                const auto& leaves = bundle.leaf_hashes();
                                commit.leaf_hashes.insert(
                                    commit.leaf_hashes.end(), leaves.begin(),
                                    leaves.end());
                                commit.bundles.push_back(
                                    {stored.first_sequence, bundle.count(),
                                     std::move(stored.bytes)});
                                return true;
                              })
                  .ok());
  return commit;
}

absl::Status FirstError(const std::vector<absl::Status>& statuses) {
  for (const absl::Status& status : statuses) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// The same happens to both, and what they hold is compared.
class Twins {
 public:
  explicit Twins(uint64_t seed) : random_(seed) { Open(/*rebuild=*/false); }
  ~Twins() { Close(); }

  void Step() {
    switch (Below(10)) {
      case 0:
      case 1:
      case 2:
      case 3:
        AppendGroup();
        break;
      case 4:
        RecordAccess();
        break;
      case 5:
        AppendGap();
        break;
      case 6:
        Close();
        Open(/*rebuild=*/false);
        break;
      case 7:
        KeepCopy();
        break;
      case 8:
        PutCopyBack();
        break;
      default:
        CompareState();
        break;
    }
    Compare();
  }
  int refilled() const { return refilled_; }

 private:
  uint64_t Below(uint64_t n) { return random_() % n; }
  std::string Path(const std::string& name) const {
    return directory_.path() + "/" + name;
  }

  void Close() {
    applier_.reset();
    state_.reset();
    journal_.reset();
  }
  void Open(bool rebuild) {
    journal_ = *aggregator::Journal::Open(
        {Path("journal"), std::make_shared<aggregator::TightFileSystem>(),
         1 << 20, &clock_});
    state_ = *aggregator::UnifiedState::Open({Path("state"), rebuild});
  }
  void KeepCopy() {
    Close();
    std::filesystem::remove_all(Path("copy"));
    std::filesystem::copy(Path("journal"), Path("copy"));
    Open(/*rebuild=*/false);
    copy_ = simulated_;
  }
  // The own log comes back, as from a mirror; the cities send theirs again.
  void PutCopyBack() {
    if (!copy_.has_value()) return;
    const uint64_t size = copy_->own_log().Head().size();
    const auto commit = Beyond(simulated_.own_log(), size);
    const auto real_commit = Beyond(journal_->own_log(), size);
    Close();
    std::filesystem::remove_all(Path("journal"));
    std::filesystem::copy(Path("copy"), Path("journal"));
    Open(/*rebuild=*/true);
    simulated_ = *copy_;
    // An empty one says that it continues nothing.
    const auto status = simulated_.Refill(commit);
    const auto real = journal_->Refill(real_commit);
    EXPECT_EQ(status.code(), real.code()) << status << " " << real;
    EXPECT_EQ(status.ok(), !commit.bundles.empty());
    refilled_ += status.ok() ? 1 : 0;
    EXPECT_EQ(simulated_.Refill(commit).code(),
              journal_->Refill(real_commit).code());
  }

  // Behind what is held: what was sent before, or something new.
  JournalBatch NextBatch(uint32_t city, uint64_t held) {
    for (const JournalBatch& sent : sent_[city]) {
      if (sent.batch.bundles.front().first_sequence == held) return sent;
    }
    aggregator::TestCity& log = logs_[city];
    log.bundle_entries = 3;
    for (uint64_t left = 1 + Below(5); left > 0; --left) {
      const std::string who =
          aggregator::TestPerson(static_cast<int>(Below(8)));
      log.Add({city,
               clock_.NowMicros(),
               "enrolment",
               {{"AAC002", who},
                {"AAB301", kCounties.at(city)},
                {"AAE140", "110"},
                {"AAC008", std::to_string(1 + Below(2))},
                {"AAC049", "200801"}},
               /*deleted=*/Below(4) == 0});
    }
    JournalBatch made = log.Take(city);
    made.incarnation_counter = 1 + Below(3);
    made.incarnation_nonce = Below(1000);
    sent_[city].push_back(made);
    return made;
  }
  std::vector<aggregator::OwnEntry> Accesses(uint64_t count) {
    std::vector<aggregator::OwnEntry> entries;
    for (; count > 0; --count) {
      v1::Access access;
      access.set_reader(std::to_string(Below(1000)));
      entries.push_back(aggregator::AccessEntry(access));
    }
    return entries;
  }
  void AppendGroup() {
    clock_.Advance(static_cast<int64_t>(Below(1'000'000)));
    std::vector<JournalBatch> batches;
    for (const uint32_t city : kCities) {
      uint64_t held = simulated_.Held(city).log.size();
      for (uint64_t left = Below(3); left > 0; --left) {
        batches.push_back(NextBatch(city, held));
        held = batches.back().batch.end_size;
      }
    }
    if (!batches.empty()) Append(std::move(batches), Accesses(Below(3)));
  }
  void RecordAccess() { Append({}, Accesses(1 + Below(2))); }
  void AppendGap() {
    const uint32_t city = kCities[Below(3)];
    JournalBatch batch = NextBatch(city, simulated_.Held(city).log.size());
    batch.batch.bundles.front().first_sequence += 1;
    Append({std::move(batch)}, {});
  }
  void Append(std::vector<JournalBatch> batches,
              const std::vector<aggregator::OwnEntry>& entries) {
    const auto status = simulated_.Append(batches, entries, clock_.NowMicros());
    const auto appended = journal_->Append(std::move(batches), entries);
    ASSERT_TRUE(appended.ok()) << appended.status();
    const absl::Status real = FirstError(appended->outcomes);
    ASSERT_EQ(status.code(), real.code()) << status << " " << real;
  }

  void Compare() {
    EXPECT_EQ(simulated_.last_ordinal(), journal_->last_ordinal());
    EXPECT_EQ(RecordsOf(simulated_.own_log()), RecordsOf(journal_->own_log()));
    for (const uint32_t city : kCities) CompareCity(city);
  }
  void CompareCity(uint32_t city) {
    HeldCity& held = simulated_.Held(city);
    const exchange::CityCopy real = *journal_->City(city);
    EXPECT_EQ(held.copy.range, real.range) << city;
    EXPECT_EQ(held.copy.last_commit_time_us, real.last_commit_time_us);
    EXPECT_EQ(held.copy.checkpoint, real.checkpoint);
    EXPECT_EQ(held.copy.incarnation_counter, real.incarnation_counter);
    EXPECT_EQ(held.copy.incarnation_nonce, real.incarnation_nonce);
    const uint64_t size = Below(held.log.size() + 1);
    EXPECT_EQ(*held.log.RootAt(size), *journal_->RootAt(city, size)) << size;
    std::map<uint64_t, std::string> notes;
    const auto real_notes = *journal_->Checkpoints(city, 0, held.log.size());
    for (const aggregator::JournalCheckpoint& one : real_notes) {
      notes[one.size] = one.note;
    }
    EXPECT_EQ(held.notes, notes);
  }

  // Both are brought to the end of the journal.
  void CompareState() {
    Apply();
    const auto snapshot = state_->Snapshot();
    const aggregator::Position position = *snapshot->ReadPosition();
    for (const uint32_t city : kCities) {
      HeldCity& held = simulated_.Held(city);
      ApplySimulated(&held);
      const auto at = position.cities.find(city);
      EXPECT_EQ(at == position.cities.end() ? 0 : at->second.size,
                held.position)
          << city;
      EXPECT_EQ(held.state, Rows(*snapshot, city)) << city;
    }
  }
  static void ApplySimulated(HeldCity* held) {
    for (const LogBundle& stored : held->log.bundles) {
      if (stored.end() <= held->position) continue;
      ledger::Bundle bundle;
      ASSERT_TRUE(bundle.Decode(stored.bytes).ok());
      ApplyEntries(bundle, held->position - stored.first, held);
      held->position = stored.end();
    }
  }
  static std::map<std::string, std::string> Rows(
      const aggregator::StateSnapshot& snapshot, uint32_t city) {
    std::map<std::string, std::string> rows;
    EXPECT_TRUE(snapshot
                    .Scan("R", "",
                          [&](std::string_view key, std::string_view value) {
                            const auto row = aggregator::ParseRowKey(key);
                            const auto version =
                                aggregator::DecodeVersion(value);
                            EXPECT_TRUE(version.ok()) << version.status();
                            if (row.city == city && version.ok()) {
                              rows[std::string(row.record_key)] =
                                  version->record;
                            }
                            return true;
                          })
                    .ok());
    return rows;
  }
  void Apply() {
    const uint64_t end = journal_->last_ordinal();
    uint64_t applied = state_->Snapshot()->ReadPosition()->ordinal;
    base::Mutex mutex;
    base::CondVar changed;
    applier_ = *aggregator::Applier::Start(
        journal_.get(), state_.get(), [&](const aggregator::Position& one) {
          base::MutexLock lock(mutex);
          applied = one.ordinal;
          changed.NotifyAll();
        });
    {
      base::MutexLock lock(mutex);
      while (applied < end && applier_->status().ok()) {
        changed.WaitFor(mutex, std::chrono::milliseconds(50));
      }
    }
    EXPECT_TRUE(applier_->status().ok()) << applier_->status();
    applier_.reset();
  }

  std::mt19937_64 random_;
  base::ManualClock clock_{kStart};
  TemporaryDirectory directory_{DirectoryInMemory()};
  std::map<uint32_t, aggregator::TestCity> logs_;
  std::map<uint32_t, std::vector<JournalBatch>> sent_;
  ProvinceDisk simulated_;
  std::optional<ProvinceDisk> copy_;
  int refilled_ = 0;
  std::unique_ptr<aggregator::Journal> journal_;
  std::unique_ptr<aggregator::UnifiedState> state_;
  std::unique_ptr<aggregator::Applier> applier_;
};

TEST(ProvinceDiskTest, HoldsWhatJournalAndUnifiedDatabaseHold) {
  int refilled = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Twins twins(seed);
    for (int step = 0; step < kSteps; ++step) {
      twins.Step();
      ASSERT_FALSE(testing::Test::HasFailure())
          << "seed " << seed << " step " << step;
    }
    refilled += twins.refilled();
  }
  EXPECT_GT(refilled, 0);
}

}  // namespace
}  // namespace tongchou::simulation
