// The unified database as a store: both ways of writing, and what a crash
// leaves of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "aggregator/state/row_filter.h"
#include "aggregator/state/unified_state.h"
#include "common/base/big_endian.h"
#include "tests/aggregator/power_cut.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::aggregator {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A row key of a packed person.
std::string KeyOf(uint64_t person) {
  std::string key("R\1", 2);
  base::AppendBigEndian<8>(person, &key);
  key.push_back(3);
  return key + "110" + std::string(1, '\0') + "\5\x7e\xa4";
}

class StateStoreTest : public testing::Test {
 protected:
  static constexpr size_t kIngestFrom = 4;

  void Open(const std::string& name) {
    state_.reset();
    auto state = UnifiedState::Open({Path(name), false, kIngestFrom});
    ASSERT_TRUE(state.ok()) << state.status();
    state_ = *std::move(state);
  }
  std::string Path(const std::string& name) const {
    return directory_.path() + "/" + name;
  }
  // What a power cut would leave now.
  void Crash() {
    const std::string copy = absl::StrCat("copy-", ++crashes_);
    CopyAfterPowerCut(state_->db(), Path(name_), Path(copy));
    Open(copy);
    name_ = copy;
  }
  // Values of the persons 1 to `persons` become `value`.
  void Write(uint64_t ordinal, uint64_t persons, const std::string& value) {
    std::vector<std::string> keys;
    for (uint64_t i = 1; i <= persons; ++i) keys.push_back(KeyOf(i));
    std::vector<StatePut> puts;
    for (const std::string& key : keys) puts.push_back({key, value});
    Position position;
    position.ordinal = ordinal;
    ASSERT_TRUE(state_->Write(puts, position).ok());
  }
  uint64_t ordinal() {
    const auto position = state_->Snapshot()->ReadPosition();
    EXPECT_TRUE(position.ok()) << position.status();
    return position->ordinal;
  }
  std::vector<std::string> Values() {
    std::vector<std::string> values;
    const auto snapshot = state_->Snapshot();
    EXPECT_TRUE(snapshot
                    ->Scan("R", {},
                           [&](std::string_view, std::string_view value) {
                             values.emplace_back(value);
                             return true;
                           })
                    .ok());
    return values;
  }
  int UnmergedFiles() {
    std::string files;
    EXPECT_TRUE(
        state_->db()->GetProperty("rocksdb.num-files-at-level0", &files));
    return std::stoi(files);
  }
  bool IsMerged() {
    for (int i = 0; i < 1'000 && UnmergedFiles() >= kMergeFiles; ++i) {
      absl::SleepFor(absl::Milliseconds(10));
    }
    return UnmergedFiles() < kMergeFiles;
  }

  TemporaryDirectory directory_;
  std::string name_ = "state";
  int crashes_ = 0;
  std::unique_ptr<UnifiedState> state_;
};

// An ingested file does not wait for the memtable: unless that is emptied
// first, a crash keeps the newer file and loses the older puts.
TEST_F(StateStoreTest, AFileNeverOvertakesTheMemtable) {
  Open(name_);
  Write(1, 1, "small");
  Write(2, 5, "large");
  Write(3, 2, "after");
  EXPECT_EQ(ordinal(), 3u);
  EXPECT_THAT(Values(),
              ElementsAre("after", "after", "large", "large", "large"));
  Crash();
  EXPECT_EQ(ordinal(), 2u);
  EXPECT_THAT(Values(),
              ElementsAre("large", "large", "large", "large", "large"));
  Write(3, 2, "again");
  Write(4, 4, "files");
  Crash();
  EXPECT_EQ(ordinal(), 4u);
  EXPECT_THAT(Values(),
              ElementsAre("files", "files", "files", "files", "large"));
}

// The memtable's newest put of a key that a later file does not have.
TEST_F(StateStoreTest, WhatTheMemtableHadSurvivesWithTheFile) {
  Open(name_);
  std::string last = KeyOf(9);
  ASSERT_TRUE(state_->Write({{last, "kept"}}, Position{1, {}}).ok());
  Write(2, 4, "file");
  Crash();
  EXPECT_EQ(ordinal(), 2u);
  EXPECT_THAT(Values(), ElementsAre("file", "file", "file", "file", "kept"));
}

TEST_F(StateStoreTest, InABurstMergingWaitsForMoreFiles) {
  for (const auto& [burst, files] :
       {std::pair(Burst::kOfNewRecords, kMergeFilesOfNew),
        std::pair(Burst::kOfUpdates, kMergeFilesOfUpdates)}) {
    name_ = absl::StrCat("state", files);
    Open(name_);
    state_->SetBurst(burst);
    for (int i = 1; i < files; ++i) Write(i, 5, "burst");
    absl::SleepFor(absl::Milliseconds(100));
    EXPECT_EQ(UnmergedFiles(), files - 1);
    Write(files, 5, "bound");
    EXPECT_TRUE(IsMerged());
    EXPECT_THAT(Values(), Each("bound"));
  }
}

// After a load its records change: what it left is too much by then.
TEST_F(StateStoreTest, AnotherKindOfBurstHasAnotherBound) {
  Open(name_);
  state_->SetBurst(Burst::kOfNewRecords);
  for (int i = 1; i <= kMergeFilesOfUpdates; ++i) Write(i, 5, "new");
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_EQ(UnmergedFiles(), kMergeFilesOfUpdates);
  state_->SetBurst(Burst::kOfUpdates);
  EXPECT_TRUE(IsMerged());
  EXPECT_THAT(Values(), Each("new"));
}

TEST_F(StateStoreTest, WhatABurstLeftIsMergedBehindIt) {
  Open(name_);
  state_->SetBurst(Burst::kOfUpdates);
  for (int i = 1; i <= kMergeFiles; ++i) Write(i, 5, "burst");
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_EQ(UnmergedFiles(), kMergeFiles);
  state_->SetBurst(Burst::kNone);
  EXPECT_TRUE(IsMerged());
  EXPECT_THAT(Values(), Each("burst"));
  for (int i = 1; i <= kMergeFiles; ++i) Write(kMergeFiles + i, 5, "at rest");
  EXPECT_TRUE(IsMerged());
}

TEST_F(StateStoreTest, LeftoversOfACrashAreRemoved) {
  Open(name_);
  Write(1, 5, "here");
  std::ofstream(Path(name_) + "/ingest/7.sst") << "cut";
  Crash();
  EXPECT_TRUE(std::filesystem::is_empty(Path(name_) + "/ingest"));
  EXPECT_EQ(ordinal(), 1u);
}

TEST_F(StateStoreTest, ASnapshotSeesABatchWholeOrNot) {
  Open(name_);
  Write(1, 5, "old");
  const auto before = state_->Snapshot();
  Write(2, 5, "new");
  const auto position = before->ReadPosition();
  ASSERT_TRUE(position.ok());
  EXPECT_EQ(position->ordinal, 1u);
  std::string bytes;
  EXPECT_TRUE(before
                  ->Scan(KeyOf(5), {},
                         [](std::string_view, std::string_view value) {
                           EXPECT_EQ(value, "old");
                           return true;
                         })
                  .ok());
  EXPECT_THAT(Values(), ElementsAre("new", "new", "new", "new", "new"));
}

// Filters know rows by their person, by their whole key, or not at all.
TEST_F(StateStoreTest, EveryKindOfRowIsFoundInWhicheverFileItIs) {
  constexpr uint32_t kCity = 360'100;
  const std::string packed = std::string("\1\0\0\0\0\0\0\0\7\3", 10);
  const std::string passport = std::string(
      "\1\x80"
      "E12345678\0\3",
      13);
  const std::string unit = std::string(
      "\2\1"
      "91360100MA\0",
      13);
  Open(name_);
  const std::string version(25, '\0');
  uint64_t ordinal = 0;
  for (const std::string& kind : {packed, passport, unit}) {
    const std::string key = RecordRowKey(kind + "110" + '\0', kCity);
    std::vector<StatePut> puts = {{key, version}};
    // Behind all rows; enough for a file.
    for (const char* key : {"S1", "S2", "S3", "S4"}) puts.push_back({key, ""});
    ASSERT_TRUE(state_->Write(puts, Position{++ordinal, {}}).ok());
    Write(++ordinal, 5, "file");
    Write(++ordinal, 1, "memtable");
  }
  const auto snapshot = state_->Snapshot();
  for (const std::string& kind : {packed, passport, unit}) {
    std::string bytes;
    const auto found = snapshot->Get(kind + "110" + '\0', kCity, &bytes);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(found->has_value());
    const auto missing = snapshot->Get(kind + "510" + '\0', kCity, &bytes);
    ASSERT_TRUE(missing.ok()) << missing.status();
    EXPECT_FALSE(missing->has_value());
  }
  for (const std::string& person : {packed, passport}) {
    int rows = 0;
    ASSERT_TRUE(snapshot
                    ->ScanPerson("R" + person,
                                 [&](std::string_view, std::string_view) {
                                   ++rows;
                                   return true;
                                 })
                    .ok());
    EXPECT_EQ(rows, 1);
  }
}

// Both ways of finding a person's rows among neighbours.
TEST_F(StateStoreTest, ScansOfPersonsFindTheSame) {
  Open(name_);
  std::vector<std::string> keys;
  for (uint64_t person = 10; person < 1'000; person += 10) {
    keys.push_back(KeyOf(person));
  }
  std::vector<StatePut> puts;
  for (const std::string& key : keys) puts.push_back({key, "v"});
  ASSERT_TRUE(state_->Write(puts, Position{1, {}}).ok());
  for (const bool neighbours : {false, true}) {
    const auto snapshot = state_->Snapshot();
    if (neighbours) snapshot->ExpectNeighbours();
    for (const uint64_t person : {5, 10, 11, 20, 500, 505, 510, 20, 990, 995}) {
      int found = 0;
      ASSERT_TRUE(snapshot
                      ->ScanPerson(KeyOf(person).substr(0, 11),
                                   [&](std::string_view key, std::string_view) {
                                     EXPECT_EQ(key, KeyOf(person));
                                     ++found;
                                     return true;
                                   })
                      .ok());
      EXPECT_EQ(found, person % 10 == 0 ? 1 : 0) << person;
    }
  }
}

TEST_F(StateStoreTest, TheFilterKnowsWhatIsStoredAndWhatIsAdded) {
  Open(name_);
  Write(1, 1'000, "v");
  RowFilter filter(state_.get());
  EXPECT_TRUE(filter.MayHave(KeyOf(5)));  // loaded or not
  while (!filter.loaded()) std::this_thread::yield();
  for (uint64_t i = 1; i <= 1'000; ++i) EXPECT_TRUE(filter.MayHave(KeyOf(i)));
  EXPECT_FALSE(filter.MayHave(KeyOf(1'001)));
  filter.Add(KeyOf(1'001));
  EXPECT_TRUE(filter.MayHave(KeyOf(1'001)));
  // Of other documents it knows nothing.
  EXPECT_TRUE(
      filter.MayHave("R\1\x80"
                     "AB12"));
}

// An ingestion whose last step failed leaves a database that names a file that
// is not there.
TEST_F(StateStoreTest, ADatabaseThatCannotBeOpenedIsMadeAnew) {
  Open("state");
  Write(1, 10, "v");
  state_.reset();
  for (const auto& entry : std::filesystem::directory_iterator(Path("state"))) {
    if (entry.path().extension() == ".sst") std::filesystem::remove(entry);
  }
  Open("state");
  const auto position = state_->Snapshot()->ReadPosition();
  ASSERT_TRUE(position.ok()) << position.status();
  EXPECT_EQ(position->ordinal, 0u);
  Write(1, 10, "v");
}

}  // namespace
}  // namespace tongchou::aggregator
