#include "node/sequencer.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <thread>

#include "common/ledger/bundle.h"
#include "tests/node/test_node.h"

namespace tongchou::node {
namespace {

using Sequencing = NodeTest;
using Result = std::vector<v1::ChangeResult>;

TEST_F(Sequencing, ResultsFollowThePast) {
  EXPECT_EQ(Results({Upsert("a", "1")}), Result{v1::CHANGE_RESULT_INSERTED});
  EXPECT_EQ(Results({Upsert("a", "1")}), Result{v1::CHANGE_RESULT_UNCHANGED});
  EXPECT_EQ(Results({Upsert("a", "2")}), Result{v1::CHANGE_RESULT_UPDATED});
  EXPECT_EQ(Results({Delete("a")}), Result{v1::CHANGE_RESULT_DELETED});
  EXPECT_EQ(Results({Delete("a")}), Result{v1::CHANGE_RESULT_ABSENT});
  EXPECT_EQ(Results({Upsert("a", "2")}), Result{v1::CHANGE_RESULT_INSERTED});
  EXPECT_EQ(size(), 4u);
  EXPECT_EQ(index_->live_records(), 1u);
  const auto history = reader_->ReadHistory(3);
  ASSERT_TRUE(history.ok()) << history.status();
  ASSERT_EQ(history->size(), 4u);
  EXPECT_EQ((*history)[0].previous(), 3u);
  EXPECT_EQ((*history)[1].operation(), v1::OPERATION_DELETE);
  EXPECT_EQ((*history)[3].previous(), 0u);
}

TEST_F(Sequencing, ATransactionMayChangeARecordTwice) {
  EXPECT_EQ(Results({Upsert("a", "1"), Upsert("a", "2"), Upsert("b", "1")}),
            (Result{v1::CHANGE_RESULT_INSERTED, v1::CHANGE_RESULT_UPDATED,
                    v1::CHANGE_RESULT_INSERTED}));
  for (uint64_t i = 0; i < 3; ++i) {
    const auto entry = reader_->ReadEntry(i);
    ASSERT_TRUE(entry.ok());
    EXPECT_EQ(entry->header.last_of_transaction(), i == 2) << i;
    EXPECT_EQ(entry->header.commit_time_us(),
              base::ChinaDayStart(kDay));  // one time for all
  }
}

TEST_F(Sequencing, TheSameTransactionIdAgainWritesNothing) {
  const auto first = Commit({Upsert("a", "1")}, "t");
  Open();
  const auto again = Commit({Upsert("a", "2")}, "t");
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->committed_size, first->committed_size);
  EXPECT_EQ(size(), 1u);
}

// Two that come back 4 ms after they were answered share a bundle, although one
// comes 3 ms after the other. A machine may be too busy to see it at once.
TEST_F(Sequencing, AGroupWaitsForThoseWhoComeBack) {
  int writes = 0;
  const auto write = [&](uint64_t source) {
    WriteGroup group;
    group.changes = {Upsert(std::to_string(source), std::to_string(++writes))};
    group.source = source;
    return sequencer_->Submit(std::move(group));
  };
  const auto bundles = [&] { return log_->RecentBundles(0, 1 << 20).size(); };
  bool shared = false;
  for (int tries = 0; tries < 20 && !shared; ++tries) {
    for (int i = 0; i < 2; ++i) {
      auto a = write(1);
      auto b = write(2);
      ASSERT_TRUE(a.get().ok() && b.get().ok());
      std::this_thread::sleep_for(std::chrono::milliseconds(4));
    }
    const size_t before = bundles();
    auto a = write(1);
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    auto b = write(2);
    ASSERT_TRUE(a.get().ok() && b.get().ok());
    shared = bundles() == before + 1;
  }
  EXPECT_TRUE(shared);
}

TEST_F(Sequencing, BoundsOfATransaction) {
  std::vector<PendingChange> changes;
  for (uint32_t i = 0; i < ledger::kTransactionChangesMax; ++i) {
    changes.push_back(Upsert(std::to_string(i), "1"));
  }
  EXPECT_TRUE(Commit(changes).ok());
  changes.push_back(Upsert("more", "1"));
  EXPECT_TRUE(absl::IsResourceExhausted(Commit(changes).status()));
  const std::string key = UnitKey("big");
  std::string record(ledger::kTransactionBytesMax - key.size(), 'x');
  EXPECT_TRUE(Commit({WithRecord("big", record)}).ok());
  record += 'x';
  EXPECT_TRUE(
      absl::IsResourceExhausted(Commit({WithRecord("big", record)}).status()));
}

// Texts beside the changes stand in every entry, and were not counted.
TEST_F(Sequencing, BoundsOfATransactionCountWhatStandsBesideItsChanges) {
  WriteGroup group;
  group.one_transaction = true;
  group.changes = {Upsert("a", "1"), Upsert("b", "1")};
  size_t bytes = 0;
  for (const PendingChange& change : group.changes) {
    bytes += change.key.size() + change.record.size();
  }
  group.staff = "x";
  group.document_number = "yy";
  group.reason_text.assign(
      (ledger::kTransactionBytesMax - bytes) / group.changes.size() - 3, 'z');
  WriteGroup more = group;
  more.reason_text += "z";
  EXPECT_TRUE(
      absl::IsResourceExhausted(sequencer_->Commit(std::move(more)).status()));
  EXPECT_TRUE(sequencer_->Commit(std::move(group)).ok());
}

// While the writer is busy; each is a transaction of the greatest size.
TEST_F(Sequencing, BoundsOfWhatWaitsAndOfAGroupCountBytes) {
  constexpr size_t kEach = ledger::kTransactionBytesMax;
  // Blocks above the bound, so that one more than fits is taken.
  constexpr size_t kTaken = kQueuedBytesMax / kEach + 1;
  static_assert(kTaken < kQueuedChangesMax);
  const auto big = [](size_t i) {
    WriteGroup group;
    const std::string unit = "unit" + std::to_string(1000 + i);
    const std::string record(kEach - UnitKey(unit).size(), 'x');
    group.changes = {WithRecord(unit, record)};
    group.one_transaction = true;
    return group;
  };
  std::vector<uint64_t> sizes;
  committed_ = [&](uint64_t size) { sizes.push_back(size); };
  std::promise<void> busy;
  std::promise<void> release;
  WriteGroup first;
  first.changes = {Upsert("first", "1")};
  sequencer_->Submit(std::move(first), [&](const auto&) {
    busy.set_value();
    release.get_future().wait();
  });
  busy.get_future().wait();
  std::vector<std::future<absl::StatusOr<CommitOutcome>>> outcomes;
  for (size_t i = 0; i < kTaken; ++i) {
    outcomes.push_back(sequencer_->Submit(big(i)));
  }
  EXPECT_EQ(sequencer_->queue().waiting, kTaken + 1);
  auto blocked = std::async(std::launch::async,
                            [&] { return sequencer_->Commit(big(kTaken)); });
  EXPECT_EQ(blocked.wait_for(std::chrono::milliseconds(50)),
            std::future_status::timeout);
  EXPECT_EQ(sequencer_->queue().waiting, kTaken + 1);
  release.set_value();
  for (auto& outcome : outcomes) EXPECT_TRUE(outcome.get().ok());
  EXPECT_TRUE(blocked.get().ok());
  EXPECT_EQ(size(), kTaken + 2);
  uint64_t widest = 0;
  for (size_t i = 1; i < sizes.size(); ++i) {
    widest = std::max(widest, sizes[i] - sizes[i - 1]);
  }
  EXPECT_EQ(widest, kGroupBytesMax / kEach);
}

TEST_F(Sequencing, AReadOnlyNodeSaysWhy) {
  read_only_ = "the moon is full";
  const auto refused = Commit({Upsert("a", "1")});
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status()));
  EXPECT_NE(base::Message(refused.status()).find("moon"), std::string::npos);
  EXPECT_EQ(size(), 0u);
}

TEST_F(Sequencing, StateIsTheSameAfterReopeningAndRebuilding) {
  for (int i = 0; i < 500; ++i) {
    Results({Upsert("u" + std::to_string(i % 50), std::to_string(i))});
  }
  Results({Delete("u7")});
  for (const bool rebuild : {false, true}) {
    Open(rebuild);
    EXPECT_EQ(index_->live_records(), 49u);
    EXPECT_EQ(Results({Upsert("u49", "499")}),
              Result{v1::CHANGE_RESULT_UNCHANGED});
    EXPECT_TRUE((*index_->Find(UnitKey("u7")))->deleted);
  }
}

TEST_F(Sequencing, ASmallIndexFallsBackToTheState) {
  index_.reset();
  auto index =
      RecordIndex::Open({directory_.path() + "/small", false, 10}, *log_);
  ASSERT_TRUE(index.ok());
  for (int i = 0; i < 100; ++i) {
    const std::string key = UnitKey(std::to_string(i));
    ASSERT_TRUE((*index)
                    ->Put(key, {static_cast<uint64_t>(i), false,
                                static_cast<uint64_t>(i), 0})
                    .ok());
    (*index)->Committed(static_cast<uint64_t>(i) + 1);
  }
  for (int i = 0; i < 100; ++i) {
    const auto found = (*index)->Find(UnitKey(std::to_string(i)));
    ASSERT_TRUE(found.ok() && found->has_value()) << i;
    EXPECT_EQ((*found)->fingerprint, static_cast<uint64_t>(i));
  }
  EXPECT_FALSE((*index)->Find(UnitKey("none"))->has_value());
}

TEST_F(Sequencing, ManyClientsAtOnce) {
  std::vector<std::thread> clients;
  for (int client = 0; client < 8; ++client) {
    clients.emplace_back([this, client] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(Commit({Upsert("c" + std::to_string(client),
                                   "x" + std::to_string(i))})
                        .ok());
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(size(), 400u);
  EXPECT_EQ(*log_->RootAt(400), log_->Head().range.Root());
}

}  // namespace
}  // namespace tongchou::node
