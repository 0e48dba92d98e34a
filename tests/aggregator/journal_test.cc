#include "aggregator/journal/journal.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <thread>

#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "tests/aggregator/append_all.h"
#include "tests/common/ledger/add_with_leaf.h"
#include "tests/support/temporary_directory.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::aggregator {
namespace {

using ledger::CompactRange;
using ledger::Hash;

constexpr uint32_t kNanchang = 360100;
constexpr uint32_t kJiujiang = 360400;

struct CityLog {
  CompactRange range;
  std::vector<Hash> leaves;
};

enum class Fault { kNone, kBroken, kFull };

class BreakableFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  BreakableFile(std::unique_ptr<rocksdb::FSWritableFile> file,
                const std::atomic<Fault>* fault)
      : FSWritableFileOwnerWrapper(std::move(file)), fault_(fault) {}
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    const Fault fault = *fault_;
    if (fault == Fault::kFull) return rocksdb::IOStatus::NoSpace("full");
    if (fault == Fault::kBroken) return rocksdb::IOStatus::IOError("broken");
    return FSWritableFileOwnerWrapper::Sync(options, debug);
  }

 private:
  const std::atomic<Fault>* fault_;
};

class BreakableFileSystem : public rocksdb::FileSystemWrapper {
 public:
  BreakableFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "breakable"; }
  rocksdb::IOStatus NewWritableFile(
      const std::string& name, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* file,
      rocksdb::IODebugContext* debug) override {
    const auto status =
        FileSystemWrapper::NewWritableFile(name, options, file, debug);
    if (status.ok() && name.ends_with(".log")) {
      *file = std::make_unique<BreakableFile>(std::move(*file), &fault);
    }
    return status;
  }

  std::atomic<Fault> fault = Fault::kNone;
};

class JournalTest : public testing::Test {
 protected:
  std::string Path() const { return directory_.path() + "/journal"; }
  void Open(std::shared_ptr<rocksdb::FileSystem> file_system = nullptr) {
    journal_.reset();
    auto opened = Journal::Open({Path(), std::move(file_system)});
    ASSERT_TRUE(opened.ok()) << opened.status();
    journal_ = *std::move(opened);
  }

  JournalBatch MakeBatch(uint32_t city, const std::vector<int>& sizes) {
    CityLog& log = logs_[city];
    JournalBatch made;
    made.city = city;
    ledger::BundleWriter writer;
    for (const int size : sizes) {
      const uint64_t first = log.leaves.size();
      for (int i = 0; i < size; ++i) {
        const std::string name =
            std::to_string(city) + "/" + std::to_string(log.leaves.size());
        log.leaves.push_back(
            ledger::AddWithLeaf(&writer, "header " + name, "body " + name));
        log.range.Append(log.leaves.back());
      }
      made.batch.bundles.push_back(
          {first, static_cast<uint64_t>(size), writer.Finish(first)});
    }
    const uint64_t end = log.leaves.size();
    made.batch.end_size = end;
    made.batch.last_commit_time_us = static_cast<int64_t>(1000 * end);
    made.batch.range = log.range;
    made.cosigned_checkpoint = Note(city, end);
    made.incarnation_counter = 1;
    made.incarnation_nonce = 11;
    return made;
  }
  static std::string Note(uint32_t city, uint64_t size) {
    return "note " + std::to_string(city) + " " + std::to_string(size);
  }
  JournalGroup Append(std::vector<JournalBatch> batches) {
    auto group = AppendAll(journal_.get(), std::move(batches));
    EXPECT_TRUE(group.ok()) << group.status();
    return group.ok() ? *std::move(group) : JournalGroup();
  }
  JournalGroup Append(uint32_t city, const std::vector<int>& sizes) {
    std::vector<JournalBatch> batches;
    batches.push_back(MakeBatch(city, sizes));
    return Append(std::move(batches));
  }

  std::vector<JournalGroup> Groups(uint64_t from) {
    std::vector<JournalGroup> groups;
    const auto status = journal_->ReadGroups(from, [&](JournalGroup&& group) {
      groups.push_back(std::move(group));
      return true;
    });
    EXPECT_TRUE(status.ok()) << status;
    return groups;
  }
  std::vector<JournalBundle> Bundles(uint32_t city, uint64_t sequence) {
    std::vector<JournalBundle> bundles;
    const auto status =
        journal_->ReadCity(city, sequence, [&](JournalBundle&& bundle) {
          bundles.push_back(std::move(bundle));
          return true;
        });
    EXPECT_TRUE(status.ok()) << status;
    return bundles;
  }
  std::map<std::string, std::string> Stored(char space) {
    journal_.reset();
    rocksdb::DB* raw = nullptr;
    EXPECT_TRUE(
        rocksdb::DB::OpenForReadOnly(rocksdb::Options(), Path(), &raw).ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    std::map<std::string, std::string> found;
    const std::unique_ptr<rocksdb::Iterator> it(
        db->NewIterator(rocksdb::ReadOptions()));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      if (it->key()[0] != space) continue;
      found[it->key().ToString()] = it->value().ToString();
    }
    return found;
  }

  static void ExpectSame(const JournalGroup& left, const JournalGroup& right);

  TemporaryDirectory directory_;
  std::unique_ptr<Journal> journal_;
  std::map<uint32_t, CityLog> logs_;
};

void JournalTest::ExpectSame(const JournalGroup& left,
                             const JournalGroup& right) {
  EXPECT_EQ(left.ordinal, right.ordinal);
  ASSERT_EQ(left.bundles.size(), right.bundles.size());
  for (size_t i = 0; i < left.bundles.size(); ++i) {
    EXPECT_EQ(left.bundles[i].city, right.bundles[i].city);
    EXPECT_EQ(left.bundles[i].first_sequence, right.bundles[i].first_sequence);
    EXPECT_EQ(left.bundles[i].count, right.bundles[i].count);
    EXPECT_EQ(left.bundles[i].bytes, right.bundles[i].bytes);
  }
  ASSERT_EQ(left.checkpoints.size(), right.checkpoints.size());
  for (size_t i = 0; i < left.checkpoints.size(); ++i) {
    const JournalCheckpoint& a = left.checkpoints[i];
    const JournalCheckpoint& b = right.checkpoints[i];
    EXPECT_EQ(a.city, b.city);
    EXPECT_EQ(a.size, b.size);
    EXPECT_EQ(a.note, b.note);
    EXPECT_EQ(a.root, b.root);
    EXPECT_EQ(a.commit_time_us, b.commit_time_us);
  }
}

TEST_F(JournalTest, AnEmptyJournalHoldsNothing) {
  Open();
  EXPECT_EQ(journal_->last_ordinal(), 0u);
  EXPECT_TRUE(journal_->cities().empty());
  EXPECT_TRUE(Groups(0).empty());
  EXPECT_TRUE(Bundles(kNanchang, 0).empty());
  EXPECT_EQ(journal_->City(kNanchang)->range.size(), 0u);
  EXPECT_EQ(*journal_->RootAt(kNanchang, 0), ledger::EmptyRoot());
  EXPECT_TRUE(absl::IsOutOfRange(journal_->RootAt(kNanchang, 1).status()));
  EXPECT_TRUE(journal_->Checkpoints(kNanchang, 0, 9)->empty());
  EXPECT_TRUE(absl::IsInternal(AppendAll(journal_.get(), {}).status()));
}

TEST_F(JournalTest, GroupsAndPositionsSurviveReopening) {
  Open();
  std::vector<JournalGroup> written;
  written.push_back(Append(kNanchang, {3, 4}));
  written.push_back(Append(kJiujiang, {1}));
  written.push_back(Append(kNanchang, {300}));
  for (int round = 0; round < 2; ++round) {
    const auto read = Groups(1);
    ASSERT_EQ(read.size(), 3u);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(read[i].ordinal, i + 1);
      ExpectSame(read[i], written[i]);
    }
    const auto copy = *journal_->City(kNanchang);
    EXPECT_EQ(copy.range, logs_[kNanchang].range);
    EXPECT_EQ(copy.last_commit_time_us, 307'000);
    EXPECT_EQ(copy.checkpoint, Note(kNanchang, 307));
    EXPECT_EQ(copy.incarnation_counter, 1u);
    EXPECT_EQ(copy.incarnation_nonce, 11u);
    EXPECT_EQ(copy.quarantine, "");
    EXPECT_EQ(journal_->cities(), (std::vector{kNanchang, kJiujiang}));
    Open();
  }
}

TEST_F(JournalTest, OrdinalsHaveNoGaps) {
  Open();
  for (uint64_t ordinal = 1; ordinal <= 600; ++ordinal) {
    if (ordinal == 300) Open();
    EXPECT_EQ(Append(kNanchang, {1}).ordinal, ordinal);
    EXPECT_EQ(journal_->last_ordinal(), ordinal);
  }
  uint64_t next = 250;
  ASSERT_TRUE(journal_
                  ->ReadGroups(250,
                               [&](JournalGroup&& group) {
                                 EXPECT_EQ(group.ordinal, next);
                                 return ++next <= 400;
                               })
                  .ok());
  EXPECT_EQ(next, 401u);
  EXPECT_EQ(Groups(600).size(), 1u);
  EXPECT_TRUE(Groups(601).empty());
}

TEST_F(JournalTest, SeveralCitiesShareAGroup) {
  Open();
  std::vector<JournalBatch> batches;
  batches.push_back(MakeBatch(kNanchang, {2, 3}));
  batches.push_back(MakeBatch(kJiujiang, {4}));
  batches.push_back(MakeBatch(kNanchang, {1}));
  const JournalGroup group = Append(std::move(batches));
  ASSERT_EQ(group.bundles.size(), 4u);
  EXPECT_EQ(group.bundles[3].first_sequence, 5u);
  ASSERT_EQ(group.checkpoints.size(), 3u);
  EXPECT_EQ(group.checkpoints[2].size, 6u);
  EXPECT_EQ(group.checkpoints[2].root, logs_[kNanchang].range.Root());
  const auto read = Groups(1);
  ASSERT_EQ(read.size(), 1u);
  ExpectSame(read[0], group);
  EXPECT_EQ(journal_->City(kNanchang)->range, logs_[kNanchang].range);
  EXPECT_EQ(journal_->City(kJiujiang)->range, logs_[kJiujiang].range);
  EXPECT_EQ(Bundles(kNanchang, 0).size(), 3u);
  EXPECT_EQ(Bundles(kJiujiang, 0).size(), 1u);
}

TEST_F(JournalTest, TheRootOfEverySizeIsKnown) {
  Open();
  Append(kNanchang, {256, 44});
  Append(kJiujiang, {9});
  Append(kNanchang, {1});
  Append(kNanchang, {150, 3, 246});
  ASSERT_EQ(logs_[kNanchang].leaves.size(), 700u);
  for (int round = 0; round < 2; ++round) {
    CompactRange range;
    for (uint64_t size = 0; size <= 700; ++size) {
      EXPECT_EQ(*journal_->RootAt(kNanchang, size), range.Root()) << size;
      if (size < 700) range.Append(logs_[kNanchang].leaves[size]);
    }
    const auto beyond = journal_->RootAt(kNanchang, 701);
    EXPECT_TRUE(absl::IsOutOfRange(beyond.status())) << beyond.status();
    Open();
  }
}

TEST_F(JournalTest, ACityIsReadFromTheMiddleOfABundle) {
  Open();
  Append(kNanchang, {10, 20});
  Append(kJiujiang, {100});
  Append(kNanchang, {30});
  const auto bundles = Bundles(kNanchang, 15);
  ASSERT_EQ(bundles.size(), 2u);
  EXPECT_EQ(bundles[0].city, kNanchang);
  EXPECT_EQ(bundles[0].first_sequence, 10u);
  EXPECT_EQ(bundles[0].count, 20u);
  EXPECT_EQ(bundles[1].first_sequence, 30u);
  EXPECT_EQ(bundles[1].count, 30u);
  ledger::Bundle bundle;
  ASSERT_TRUE(bundle.Decode(bundles[0].bytes).ok());
  EXPECT_EQ(bundle.leaf_hash(5), logs_[kNanchang].leaves[15]);
  EXPECT_EQ(Bundles(kNanchang, 10).size(), 2u);
  EXPECT_EQ(Bundles(kNanchang, 9).size(), 3u);
  EXPECT_EQ(Bundles(kNanchang, 59).size(), 1u);
  EXPECT_TRUE(Bundles(kNanchang, 60).empty());
  int visits = 0;
  const auto once = [&](JournalBundle&&) { return ++visits < 1; };
  EXPECT_TRUE(journal_->ReadCity(kNanchang, 0, once).ok());
  EXPECT_EQ(visits, 1);
}

TEST_F(JournalTest, AGapIsRefusedAndNothingWritten) {
  Open();
  Append(kNanchang, {5});
  const CompactRange before = logs_[kNanchang].range;
  const JournalBatch lost = MakeBatch(kNanchang, {2});
  const JournalBatch late = MakeBatch(kNanchang, {3});
  const JournalBatch other = MakeBatch(kJiujiang, {1});
  const auto refused = [&](std::vector<JournalBatch> batches) {
    return absl::IsInternal(
        AppendAll(journal_.get(), std::move(batches)).status());
  };
  EXPECT_TRUE(refused({late}));
  JournalBatch wrong = lost;
  wrong.batch.end_size = 8;
  EXPECT_TRUE(refused({wrong}));
  wrong = lost;
  wrong.batch.range = before;
  EXPECT_TRUE(refused({wrong}));
  wrong = lost;
  wrong.batch.bundles[0].bytes = other.batch.bundles[0].bytes;
  EXPECT_TRUE(refused({wrong}));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(journal_->last_ordinal(), 1u);
    EXPECT_EQ(Groups(1).size(), 1u);
    EXPECT_EQ(journal_->City(kNanchang)->range, before);
    EXPECT_EQ(journal_->cities(), std::vector{kNanchang});
    EXPECT_EQ(journal_->Checkpoints(kNanchang, 0, 99)->size(), 1u);
    Open();
  }
  EXPECT_EQ(Append({lost, late, other}).ordinal, 2u);
  EXPECT_EQ(journal_->City(kNanchang)->range, logs_[kNanchang].range);
}

// One bad batch once refused the whole group: every city that had sent in the
// same few milliseconds lost its stream.
TEST_F(JournalTest, ABatchThatIsRefusedHarmsNoOther) {
  Open();
  Append(kNanchang, {5});
  const JournalBatch lost = MakeBatch(kNanchang, {2});
  const JournalBatch late = MakeBatch(kNanchang, {3});
  const JournalBatch other = MakeBatch(kJiujiang, {1});
  const JournalBatch behind = MakeBatch(kJiujiang, {2});
  JournalBatch nowhere = other;
  nowhere.city = 1 << 24;
  const auto appended = journal_->Append(
      {late, nowhere, other, late, behind, other}, {AccessEntry(v1::Access())});
  ASSERT_TRUE(appended.ok()) << appended.status();
  std::vector<bool> taken;
  for (const absl::Status& outcome : appended->outcomes) {
    taken.push_back(outcome.ok());
    EXPECT_TRUE(outcome.ok() || absl::IsInternal(outcome)) << outcome;
  }
  EXPECT_EQ(taken, (std::vector{false, false, true, false, true, false}));
  EXPECT_EQ(appended->group.ordinal, 2u);
  EXPECT_EQ(appended->group.bundles.size(), 2u);
  Open();
  EXPECT_EQ(journal_->cities(), (std::vector{kNanchang, kJiujiang}));
  EXPECT_EQ(journal_->City(kJiujiang)->range, logs_[kJiujiang].range);
  EXPECT_EQ(journal_->City(kNanchang)->range.size(), 5u);
  const auto groups = Groups(2);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].bundles.size(), 2u);
  EXPECT_EQ(groups[0].checkpoints.size(), 2u);
  // The city sends it again, in its order.
  EXPECT_EQ(Append({lost, late}).ordinal, 3u);
  EXPECT_EQ(journal_->City(kNanchang)->range, logs_[kNanchang].range);
}

TEST_F(JournalTest, WhereEveryBatchIsRefusedThereIsNoGroup) {
  Open();
  Append(kNanchang, {5});
  const uint64_t own = journal_->own_log().Head().size();
  MakeBatch(kNanchang, {2});
  const JournalBatch late = MakeBatch(kNanchang, {3});
  const auto nothing = journal_->Append({late}, {});
  ASSERT_TRUE(nothing.ok()) << nothing.status();
  EXPECT_TRUE(absl::IsInternal(nothing->outcomes.at(0)));
  EXPECT_EQ(nothing->group.ordinal, 0u);
  EXPECT_EQ(journal_->own_log().Head().size(), own);
  const auto entry = journal_->Append({late}, {AccessEntry(v1::Access())});
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->group.ordinal, 0u);
  EXPECT_EQ(journal_->own_log().Head().size(), own + 1);
  EXPECT_EQ(journal_->last_ordinal(), 1u);
}

// Also what had been verified, and waited for its group, when the evidence
// came.
TEST_F(JournalTest, NothingOfAQuarantinedCityIsTaken) {
  Open();
  Append(kNanchang, {5});
  const JournalBatch waiting = MakeBatch(kNanchang, {2});
  ASSERT_TRUE(journal_->Quarantine(kNanchang, "a fork", {"a", "b", "c"}).ok());
  const auto appended =
      journal_->Append({waiting, MakeBatch(kJiujiang, {1})}, {});
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(appended->outcomes.at(0)));
  EXPECT_NE(base::Message(appended->outcomes.at(0))
                .find("360100 is quarantined (a fork)"),
            std::string::npos);
  EXPECT_TRUE(appended->outcomes.at(1).ok());
  EXPECT_EQ(journal_->City(kNanchang)->range.size(), 5u);
  EXPECT_EQ(journal_->City(kJiujiang)->range.size(), 1u);
  ASSERT_TRUE(journal_->Release(kNanchang, "admin", "mended").ok());
  Append({waiting});
  EXPECT_EQ(journal_->City(kNanchang)->range.size(), 7u);
}

TEST_F(JournalTest, QuarantineIsKeptWithItsEvidence) {
  Open();
  Append(kNanchang, {5});
  ASSERT_TRUE(
      journal_->Quarantine(kNanchang, "fork at 4", {"known", "offered", "why"})
          .ok());
  ASSERT_TRUE(
      journal_->Quarantine(kNanchang, "fork at 3", {"known", "third", "why"})
          .ok());
  EXPECT_EQ(journal_->City(kNanchang)->quarantine, "fork at 3");
  const auto evidence = Stored('F');
  ASSERT_EQ(evidence.size(), 2u);
  EXPECT_NE(evidence.begin()->second.find("offered"), std::string::npos);
  Open();
  const auto copy = *journal_->City(kNanchang);
  EXPECT_EQ(copy.quarantine, "fork at 3");
  EXPECT_EQ(copy.range, logs_[kNanchang].range);
  EXPECT_EQ(copy.checkpoint, Note(kNanchang, 5));
  EXPECT_EQ(journal_->last_ordinal(), 1u);
}

TEST_F(JournalTest, AnIncarnationIsKeptBeforeAnyEntryAndNeverLowered) {
  Open();
  ASSERT_TRUE(journal_->PutIncarnation(kNanchang, 7, 77).ok());
  Open();
  EXPECT_EQ(journal_->cities(), std::vector{kNanchang});
  EXPECT_EQ(journal_->City(kNanchang)->incarnation_counter, 7u);
  EXPECT_EQ(journal_->City(kNanchang)->incarnation_nonce, 77u);
  EXPECT_EQ(journal_->City(kNanchang)->range.size(), 0u);
  EXPECT_TRUE(absl::IsAborted(journal_->PutIncarnation(kNanchang, 6, 66)));
  Append(kNanchang, {1});
  EXPECT_EQ(journal_->City(kNanchang)->incarnation_counter, 7u);
  ASSERT_TRUE(journal_->PutIncarnation(kNanchang, 8, 88).ok());
  Open();
  EXPECT_EQ(journal_->City(kNanchang)->incarnation_nonce, 88u);
  EXPECT_EQ(journal_->City(kNanchang)->range.size(), 1u);
}

TEST_F(JournalTest, ASecondProcessIsRefused) {
  Open();
  const auto second = Journal::Open({Path(), nullptr});
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
}

TEST_F(JournalTest, CheckpointsAreFoundByRange) {
  Open();
  Append({MakeBatch(kNanchang, {3}), MakeBatch(kNanchang, {4})});
  Append(kJiujiang, {8});
  Append(kNanchang, {2});
  const auto sizes = [&](uint64_t from, uint64_t to) {
    std::vector<uint64_t> found;
    const auto checkpoints = journal_->Checkpoints(kNanchang, from, to);
    EXPECT_TRUE(checkpoints.ok()) << checkpoints.status();
    for (const auto& kept : *checkpoints) {
      EXPECT_EQ(kept.city, kNanchang);
      EXPECT_EQ(kept.note, Note(kNanchang, kept.size));
      EXPECT_EQ(kept.root, *journal_->RootAt(kNanchang, kept.size));
      EXPECT_EQ(kept.commit_time_us, static_cast<int64_t>(1000 * kept.size));
      found.push_back(kept.size);
    }
    return found;
  };
  EXPECT_EQ(sizes(0, UINT64_MAX), (std::vector<uint64_t>{3, 7, 9}));
  EXPECT_EQ(sizes(3, 7), (std::vector<uint64_t>{7}));
  EXPECT_EQ(sizes(2, 8), (std::vector<uint64_t>{3, 7}));
  EXPECT_EQ(sizes(7, 8), (std::vector<uint64_t>{}));
  EXPECT_EQ(sizes(9, 9), (std::vector<uint64_t>{}));
}

TEST_F(JournalTest, AfterAFailedWriteItIsReadOnlyUntilReopened) {
  const auto disk = std::make_shared<BreakableFileSystem>();
  Open(disk);
  Append(kNanchang, {5});
  const JournalBatch batch = MakeBatch(kNanchang, {2});
  disk->fault = Fault::kBroken;
  const auto failed = AppendAll(journal_.get(), {batch});
  EXPECT_TRUE(absl::IsInternal(failed.status())) << failed.status();
  disk->fault = Fault::kNone;
  EXPECT_EQ(AppendAll(journal_.get(), {batch}).status(), failed.status());
  EXPECT_EQ(journal_->PutIncarnation(kNanchang, 9, 9), failed.status());
  EXPECT_EQ(journal_->last_ordinal(), 1u);
  EXPECT_EQ(Groups(1).size(), 1u);
  EXPECT_EQ(journal_->City(kNanchang)->range.size(), 5u);
  Open();
  EXPECT_EQ(Groups(1).size(), journal_->last_ordinal());
  if (journal_->last_ordinal() == 1) Append({batch});
  EXPECT_EQ(journal_->City(kNanchang)->range, logs_[kNanchang].range);
}

TEST_F(JournalTest, AFullDiskIsWaitedForAndLeavesNothingBehind) {
  const auto disk = std::make_shared<BreakableFileSystem>();
  Open(disk);
  Append(kNanchang, {5});
  const JournalBatch batch = MakeBatch(kNanchang, {2});
  const JournalBatch other = MakeBatch(kJiujiang, {1, 1, 1});
  disk->fault = Fault::kFull;
  absl::Status status = AppendAll(journal_.get(), {batch, other}).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(journal_->last_ordinal(), 1u);
  disk->fault = Fault::kNone;
  for (int i = 0; i < 300 && absl::IsResourceExhausted(status); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    status = AppendAll(journal_.get(), {batch}).status();
  }
  ASSERT_TRUE(status.ok()) << status;
  std::filesystem::copy(Path(), directory_.path() + "/after-a-crash",
                        std::filesystem::copy_options::recursive);
  journal_.reset();
  auto copy = Journal::Open({directory_.path() + "/after-a-crash", nullptr});
  ASSERT_TRUE(copy.ok()) << copy.status();
  journal_ = *std::move(copy);
  EXPECT_EQ(journal_->last_ordinal(), 2u);
  EXPECT_EQ(journal_->cities(), std::vector{kNanchang});
  const auto groups = Groups(2);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].bundles.size(), 1u);
}

TEST_F(JournalTest, ReadersSeeWholeGroupsWhileItIsWritten) {
  Open();
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) {
      const uint64_t least = journal_->last_ordinal();
      const auto groups = Groups(1);
      EXPECT_GE(groups.size(), least);
      for (const auto& group : groups) EXPECT_EQ(group.bundles.size(), 3u);
      const uint64_t size = journal_->City(kNanchang)->range.size();
      EXPECT_TRUE(journal_->RootAt(kNanchang, size).ok());
      EXPECT_GE(Bundles(kNanchang, 0).size() * 2, size);
    }
  });
  for (int i = 0; i < 100; ++i) {
    Append({MakeBatch(kNanchang, {2, 2}), MakeBatch(kJiujiang, {1})});
  }
  done = true;
  reader.join();
}

TEST_F(JournalTest, AMissingGroupIsDamage) {
  Open();
  for (int i = 0; i < 3; ++i) Append(kNanchang, {2});
  journal_.reset();
  {
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), Path(), &raw).ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    const std::string key("J\0\0\0\0\0\0\0\2\0\0\0\0", 13);
    ASSERT_TRUE(db->Delete(rocksdb::WriteOptions(), key).ok());
  }
  Open();
  const auto all = [](auto&&) { return true; };
  EXPECT_TRUE(absl::IsDataLoss(journal_->ReadGroups(1, all)));
  EXPECT_TRUE(journal_->ReadGroups(3, all).ok());
  EXPECT_TRUE(absl::IsDataLoss(journal_->ReadCity(kNanchang, 0, all)));
  EXPECT_TRUE(absl::IsDataLoss(journal_->RootAt(kNanchang, 3).status()));
  EXPECT_TRUE(journal_->RootAt(kNanchang, 5).ok());
}

// The province's own log, entry by entry.
struct OwnLogEntry {
  v1::EntryHeader header;
  v1::EntryBody body;
};

std::vector<OwnLogEntry> EntriesOf(const Journal& journal) {
  std::vector<OwnLogEntry> entries;
  ledger::Bundle bundle;
  const auto status =
      journal.own_log().ReadBundles(0, [&](ledger::StoredBundle&& stored) {
        EXPECT_TRUE(bundle.Decode(stored.bytes).ok());
        for (size_t i = 0; i < bundle.count(); ++i) {
          OwnLogEntry& entry = entries.emplace_back();
          EXPECT_TRUE(
              entry.header.ParseFromString(std::string(bundle.header(i))));
          EXPECT_TRUE(entry.body.ParseFromString(std::string(*bundle.body(i))));
        }
        return true;
      });
  EXPECT_TRUE(status.ok()) << status;
  return entries;
}

template <typename Message>
Message RecordOf(const OwnLogEntry& entry) {
  Message message;
  EXPECT_TRUE(message.ParseFromString(entry.body.record()));
  return message;
}

TEST_F(JournalTest, EveryGroupHasItsReceiptInTheOwnLog) {
  Open();
  std::vector<JournalBatch> batches;
  batches.push_back(MakeBatch(kNanchang, {3, 2}));
  batches.push_back(MakeBatch(kJiujiang, {4}));
  Append(std::move(batches));
  Append(kNanchang, {1});
  Open();
  const auto entries = EntriesOf(*journal_);
  ASSERT_EQ(entries.size(), 2u);
  const auto first = RecordOf<v1::GroupReceipt>(entries[0]);
  EXPECT_EQ(first.ordinal(), 1u);
  ASSERT_EQ(first.ranges_size(), 2);
  EXPECT_EQ(first.ranges(0).city(), kNanchang);
  EXPECT_EQ(first.ranges(0).from(), 0u);
  EXPECT_EQ(first.ranges(0).to(), 5u);
  EXPECT_EQ(first.ranges(0).root(),
            std::string(journal_->RootAt(kNanchang, 5)->view()));
  const auto second = RecordOf<v1::GroupReceipt>(entries[1]);
  EXPECT_EQ(second.ordinal(), 2u);
  EXPECT_EQ(second.ranges(0).from(), 5u);
  EXPECT_EQ(second.ranges(0).to(), 6u);
  EXPECT_EQ(entries[1].header.sequence(), 1u);
  EXPECT_EQ(entries[1].header.audience(), kAudienceEveryone);
  EXPECT_GE(entries[1].header.commit_time_us(),
            entries[0].header.commit_time_us());
}

TEST_F(JournalTest, EntriesWithoutBatchesAreNoGroup) {
  Open();
  Append(kNanchang, {1});
  v1::Access access;
  access.set_reader("somebody");
  const auto appended = journal_->Append({}, {AccessEntry(access)});
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_EQ(appended->group.ordinal, 0u);
  EXPECT_EQ(journal_->last_ordinal(), 1u);
  Append(kNanchang, {1});
  Open();
  EXPECT_EQ(journal_->last_ordinal(), 2u);
  const auto entries = EntriesOf(*journal_);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(RecordOf<v1::Access>(entries[1]).reader(), "somebody");
  EXPECT_EQ(entries[1].header.audience(), kAudienceProvince);
  EXPECT_FALSE(journal_->Append({}, {}).ok());
}

// At the bound, and many groups: stored hashes of the tree among other keys.
TEST_F(JournalTest, TheOwnLogGrowsBeyondATile) {
  Open();
  const std::vector<OwnEntry> most(kOwnEntriesMax, AccessEntry(v1::Access()));
  ASSERT_TRUE(journal_->Append({}, most).ok());
  Append(kNanchang, {1});
  ASSERT_TRUE(journal_->Append({}, most).ok());
  const ledger::LogHead head = journal_->own_log().Head();
  EXPECT_EQ(head.size(), 2 * kOwnEntriesMax + 1);
  Open();
  EXPECT_EQ(journal_->own_log().Head().range, head.range);
  EXPECT_EQ(journal_->own_log().RootAt(head.size()).value(), head.range.Root());
  const auto proof = journal_->own_log().InclusionProofOf(7, head.size());
  EXPECT_TRUE(proof.ok()) << proof.status();
}

TEST_F(JournalTest, AQuarantineIsReleasedByAnAct) {
  Open();
  EXPECT_TRUE(
      absl::IsFailedPrecondition(journal_->Release(kNanchang, "admin", "why")));
  ASSERT_TRUE(
      journal_->Quarantine(kNanchang, "two histories", {"a", "b", "c"}).ok());
  EXPECT_EQ(journal_->City(kNanchang)->quarantine, "two histories");
  ASSERT_TRUE(journal_->Release(kNanchang, "admin", "mended").ok());
  Open();
  EXPECT_EQ(journal_->City(kNanchang)->quarantine, "");
  const auto entries = EntriesOf(*journal_);
  ASSERT_EQ(entries.size(), 2u);
  const auto quarantine = RecordOf<v1::CityAct>(entries[0]);
  EXPECT_EQ(quarantine.kind(), v1::CITY_ACT_KIND_QUARANTINE);
  EXPECT_EQ(quarantine.evidence_size(), 2);
  const auto release = RecordOf<v1::CityAct>(entries[1]);
  EXPECT_EQ(release.kind(), v1::CITY_ACT_KIND_RELEASE);
  EXPECT_EQ(release.city(), kNanchang);
  EXPECT_EQ(release.who(), "admin");
  EXPECT_EQ(release.reason(), "mended");
  EXPECT_EQ(entries[1].header.audience(), kNanchang);
}

TEST_F(JournalTest, RevokedCertificatesAreKept) {
  Open();
  const Hash certificate = base::Sha256("certificate");
  ASSERT_TRUE(journal_->Revoke(certificate, kNanchang, "admin", "lost").ok());
  ASSERT_TRUE(journal_->Revoke(certificate, kNanchang, "admin", "again").ok());
  Open();
  EXPECT_EQ(journal_->Revoked().value(), std::vector<Hash>{certificate});
  const auto entries = EntriesOf(*journal_);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(RecordOf<v1::CityAct>(entries[0]).reason(), "lost");
}

// What was written before the journal had a log of its own.
TEST_F(JournalTest, AnOlderJournalBeginsItsLogWithOneReceipt) {
  Open();
  Append(kNanchang, {3});
  Append(kNanchang, {2});
  journal_.reset();
  {
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), Path(), &raw).ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    ASSERT_TRUE(db->DeleteRange(rocksdb::WriteOptions(),
                                db->DefaultColumnFamily(), "L", "M")
                    .ok());
  }
  Open();
  const auto entries = EntriesOf(*journal_);
  ASSERT_EQ(entries.size(), 1u);
  const auto receipt = RecordOf<v1::GroupReceipt>(entries[0]);
  EXPECT_EQ(receipt.ordinal(), 2u);
  EXPECT_EQ(receipt.ranges(0).to(), 5u);
}

// What a mirror gives back of the own log, from an entry on, one commit per
// bundle.
std::vector<ledger::GroupCommit> OwnCommits(const Journal& journal,
                                            uint64_t from) {
  std::vector<ledger::GroupCommit> commits;
  ledger::Bundle bundle;
  v1::EntryHeader header;
  const auto read = [&](ledger::StoredBundle&& stored) {
    EXPECT_TRUE(bundle.Decode(stored.bytes).ok());
    ledger::GroupCommit& commit = commits.emplace_back();
    commit.checkpoint = "note";
    for (size_t i = 0; i < bundle.count(); ++i) {
      commit.leaf_hashes.push_back(bundle.leaf_hash(i));
      EXPECT_TRUE(header.ParseFromString(std::string(bundle.header(i))));
      commit.last_commit_time_us = header.commit_time_us();
    }
    commit.bundles.push_back(
        {stored.first_sequence, bundle.count(), std::move(stored.bytes)});
    return true;
  };
  EXPECT_TRUE(journal.own_log().ReadBundles(from, read).ok());
  return commits;
}

class RefillTest : public JournalTest {
 protected:
  // Three groups: 5 entries of Nanchang, 4 of Jiujiang, 3 more of Nanchang.
  void SetUp() override {
    Open();
    batches_.push_back(MakeBatch(kNanchang, {5}));
    batches_.push_back(MakeBatch(kJiujiang, {4}));
    batches_.push_back(MakeBatch(kNanchang, {3}));
    for (const JournalBatch& batch : batches_) Append({batch});
  }
  // The disk is lost; what the mirror has of the own log is read before.
  void Lose() {
    commits_ = OwnCommits(*journal_, 0);
    lost_ = journal_->own_log().Head().range;
    journal_.reset();
    std::filesystem::remove_all(Path());
    Open();
  }
  void Refill() {
    for (const ledger::GroupCommit& commit : commits_) {
      const absl::Status status = journal_->Refill(commit);
      ASSERT_TRUE(status.ok()) << status;
    }
    EXPECT_EQ(journal_->own_log().Head().range, lost_);
  }
  v1::GroupReceipt NewestReceipt() {
    return RecordOf<v1::GroupReceipt>(EntriesOf(*journal_).back());
  }

  std::vector<JournalBatch> batches_;
  std::vector<ledger::GroupCommit> commits_;
  CompactRange lost_;
};

TEST_F(RefillTest, LostGroupsAreEmptyAndTheirOrdinalsUsed) {
  Lose();
  Refill();
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(journal_->last_ordinal(), 3u);
    const auto groups = Groups(1);
    ASSERT_EQ(groups.size(), 3u);
    EXPECT_EQ(groups[2].ordinal, 3u);
    EXPECT_TRUE(groups[2].bundles.empty());
    EXPECT_EQ(journal_->City(kNanchang)->range.size(), 0u);
    EXPECT_EQ(journal_->own_log().Head().range, lost_);
    EXPECT_EQ(journal_->own_log().CheckpointAtOrBefore(9).value(), "note");
    Open();
  }
}

TEST_F(RefillTest, WhatIsSentAgainHasNoSecondReceipt) {
  Lose();
  Refill();
  Append({batches_[0]});
  EXPECT_EQ(NewestReceipt().ordinal(), 4u);
  EXPECT_EQ(NewestReceipt().ranges_size(), 0);
  ASSERT_EQ(NewestReceipt().again_size(), 1);
  EXPECT_EQ(NewestReceipt().again(0).city(), kNanchang);
  EXPECT_EQ(NewestReceipt().again(0).from(), 0u);
  EXPECT_EQ(NewestReceipt().again(0).to(), 5u);
  EXPECT_EQ(NewestReceipt().again(0).root(),
            std::string(journal_->RootAt(kNanchang, 5)->view()));

  // The rest of the old and something new in one batch, after another start.
  Open();
  const JournalBatch newer = MakeBatch(kNanchang, {2});
  JournalBatch both = batches_[2];
  both.batch.bundles.push_back(newer.batch.bundles[0]);
  both.batch.end_size = newer.batch.end_size;
  both.batch.range = newer.batch.range;
  Append({both});
  const v1::GroupReceipt receipt = NewestReceipt();
  ASSERT_EQ(receipt.again_size(), 1);
  EXPECT_EQ(receipt.again(0).from(), 5u);
  EXPECT_EQ(receipt.again(0).to(), 10u);
  ASSERT_EQ(receipt.ranges_size(), 1);
  EXPECT_EQ(receipt.ranges(0).from(), 8u);
  EXPECT_EQ(receipt.ranges(0).to(), 10u);

  Append(kNanchang, {1});
  EXPECT_EQ(NewestReceipt().again_size(), 0);
  EXPECT_EQ(NewestReceipt().ranges(0).from(), 10u);
  EXPECT_EQ(Groups(1).size(), 6u);
}

// An old copy was put back: it goes on where it ends.
TEST_F(RefillTest, AnOldCopyIsBroughtUpToTheMirror) {
  journal_.reset();
  std::filesystem::copy(Path(), Path() + "-old",
                        std::filesystem::copy_options::recursive);
  Open();
  const JournalBatch newest = MakeBatch(kJiujiang, {6});
  Append({newest});
  commits_ = OwnCommits(*journal_, 3);
  lost_ = journal_->own_log().Head().range;
  journal_.reset();
  std::filesystem::remove_all(Path());
  std::filesystem::rename(Path() + "-old", Path());
  Open();
  Refill();
  EXPECT_TRUE(absl::IsAborted(journal_->Refill(commits_[0])))
      << "it is here already";
  EXPECT_EQ(Groups(1).size(), 4u);
  Append({newest});
  EXPECT_EQ(NewestReceipt().again(0).from(), 4u);
  EXPECT_EQ(NewestReceipt().again(0).to(), 10u);
  Append(kNanchang, {1});
  EXPECT_EQ(NewestReceipt().again_size(), 0) << "nothing of it was lost";
}

TEST_F(RefillTest, ActsAreKnownAgain) {
  const Hash certificate = base::Sha256("certificate");
  ASSERT_TRUE(journal_->Revoke(certificate, kNanchang, "admin", "lost").ok());
  ASSERT_TRUE(
      journal_->Quarantine(kNanchang, "two histories", {"a", "b", "c"}).ok());
  ASSERT_TRUE(journal_->Quarantine(kJiujiang, "a fork", {"a", "b", "c"}).ok());
  ASSERT_TRUE(journal_->Release(kJiujiang, "admin", "mended").ok());
  v1::Invitation invitation;
  invitation.set_city(361100);
  v1::JoinedCity joined;
  joined.set_city(361100);
  joined.set_log_key("log");
  joined.set_witness_key("witness");
  const Hash secret = base::Sha256("secret");
  ASSERT_TRUE(journal_->Invite(secret, invitation, "admin", "new").ok());
  ASSERT_TRUE(journal_->Join(secret, joined).ok());
  v1::JoinedCity rekeyed = joined;
  rekeyed.set_city(361000);
  rekeyed.add_replacements("another");
  rekeyed.set_certificates_from_us(1'700'000'000'000'000);
  invitation.set_city(361000);
  invitation.set_rekey(true);
  ASSERT_TRUE(journal_->Invite(secret, invitation, "admin", "lost").ok());
  ASSERT_TRUE(journal_->Join(secret, rekeyed).ok());
  Lose();
  EXPECT_TRUE(journal_->Revoked()->empty());
  Refill();
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(journal_->Revoked().value(), std::vector<Hash>{certificate});
    EXPECT_EQ(journal_->City(kNanchang)->quarantine, "two histories");
    EXPECT_EQ(journal_->City(kJiujiang)->quarantine, "");
    const auto cities = journal_->JoinedCities().value();
    ASSERT_EQ(cities.size(), 2u);
    EXPECT_EQ(cities[0].SerializeAsString(), rekeyed.SerializeAsString());
    EXPECT_EQ(cities[1].SerializeAsString(), joined.SerializeAsString());
    Open();
  }
}

TEST_F(RefillTest, AHeldLogTakesNothingButWhatComesBack) {
  Lose();
  std::string reason = "the mirror comes first";
  journal_->HoldWhile([&] { return reason; });
  const auto held = [](const absl::Status& status) {
    return absl::IsUnavailable(status) &&
           base::Message(status).find("comes first") != std::string::npos;
  };
  EXPECT_TRUE(held(AppendAll(journal_.get(), {batches_[0]}).status()));
  EXPECT_TRUE(held(journal_->Append({}, {AccessEntry(v1::Access())}).status()));
  EXPECT_TRUE(held(journal_->Revoke(Hash(), kNanchang, "admin", "x")));
  EXPECT_TRUE(held(journal_->Quarantine(kNanchang, "x", {})));
  EXPECT_EQ(journal_->own_log().Head().size(), 0u);
  EXPECT_TRUE(journal_->PutIncarnation(kNanchang, 1, 11).ok());
  Refill();
  EXPECT_TRUE(held(AppendAll(journal_.get(), {batches_[0]}).status()));
  reason.clear();
  EXPECT_EQ(Append({batches_[0]}).ordinal, 4u);
}

// The disk is full, then broken, while it comes back: nothing or all of it.
TEST_F(RefillTest, APieceIsThereAsAWholeOrNotAtAll) {
  commits_ = OwnCommits(*journal_, 0);
  journal_.reset();
  std::filesystem::remove_all(Path());
  auto disk = std::make_shared<BreakableFileSystem>();
  Open(disk);
  ASSERT_TRUE(journal_->Refill(commits_[0]).ok());
  disk->fault = Fault::kFull;
  absl::Status status = journal_->Refill(commits_[1]);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(journal_->own_log().Head().size(), 1u);
  disk->fault = Fault::kNone;
  for (int i = 0; i < 300 && absl::IsResourceExhausted(status); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    status = journal_->Refill(commits_[1]);
  }
  ASSERT_TRUE(status.ok()) << status;
  disk->fault = Fault::kBroken;
  EXPECT_FALSE(journal_->Refill(commits_[2]).ok());
  disk->fault = Fault::kNone;
  EXPECT_FALSE(journal_->Refill(commits_[2]).ok());
  Open();
  const uint64_t size = journal_->own_log().Head().size();
  EXPECT_EQ(journal_->last_ordinal(), size);
  EXPECT_GE(size, 2u);
  if (size == 2) {
    ASSERT_TRUE(journal_->Refill(commits_[2]).ok());
  }
  Append({batches_[0]});
  EXPECT_EQ(NewestReceipt().ordinal(), 4u);
}

// Signed by the province all the same, but not what a journal writes.
TEST_F(RefillTest, ReceiptsOutOfOrderAreRefused) {
  Lose();
  ASSERT_TRUE(journal_->Refill(commits_[0]).ok());
  const auto offer = [&](const OwnEntry& entry) {
    ledger::BundleWriter writer;
    return journal_->Refill(
        MakeOwnCommit(journal_->own_log().Head(), {entry}, 1, &writer));
  };
  v1::GroupReceipt receipt;
  for (const uint64_t ordinal : {0, 1, 3}) {
    receipt.set_ordinal(ordinal);
    EXPECT_TRUE(absl::IsDataLoss(offer(ReceiptEntry(receipt)))) << ordinal;
  }
  v1::CityAct act;
  act.set_city(0x1000000);
  EXPECT_TRUE(absl::IsDataLoss(offer(CityActEntry(act))));
  EXPECT_EQ(journal_->own_log().Head().size(), 1u);
  EXPECT_EQ(journal_->last_ordinal(), 1u);
}

}  // namespace
}  // namespace tongchou::aggregator
