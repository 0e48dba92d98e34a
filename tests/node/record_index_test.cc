// What a crash leaves of the state database, and what the index makes of it.
#include "node/record_index.h"

#include <rocksdb/db.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "tests/node/test_node.h"

namespace tongchou::node {
namespace {

class RecordIndexTest : public NodeTest {
 protected:
  using States = std::map<std::string, std::pair<uint64_t, bool>>;

  void CommitUnits(int from, int to, const std::string& name) {
    std::vector<PendingChange> changes;
    for (int i = from; i < to; ++i) {
      changes.push_back(Upsert(absl::StrCat("u", i), name));
    }
    ASSERT_TRUE(Commit(std::move(changes)).ok());
  }
  // As a power cut leaves it now.
  std::string Copy(const std::string& name) {
    const std::string copy = directory_.path() + "/" + name;
    std::filesystem::copy(directory_.path() + "/state", copy,
                          std::filesystem::copy_options::recursive);
    std::filesystem::remove(copy + "/LOCK");
    return copy;
  }
  // u0 to u49, of which u7 is deleted; in memory are ten.
  absl::StatusOr<std::unique_ptr<RecordIndex>> OpenSmallOverFifty() {
    CommitUnits(0, 50, "first");
    EXPECT_TRUE(Commit({Delete("u7")}).ok());
    EXPECT_TRUE(index_->Flush().ok());
    return RecordIndex::Open({Copy("copy"), false, 10}, *log_);
  }
  static States Read(RecordIndex* index) {
    States states;
    const absl::Status status =
        index->Scan([&](std::string_view key, const RecordState& state) {
          states[std::string(key)] = {state.sequence, state.deleted};
        });
    EXPECT_TRUE(status.ok()) << status;
    return states;
  }
};

TEST_F(RecordIndexTest, WhatIsNotInAFileIsRolledForward) {
  CommitUnits(0, 50, "first");
  ASSERT_TRUE(index_->Flush().ok());
  CommitUnits(30, 70, "second");
  ASSERT_TRUE(Commit({Delete("u1")}).ok());
  const std::string copy = Copy("copy");
  const auto reopened = RecordIndex::Open({copy}, *log_);
  ASSERT_TRUE(reopened.ok()) << reopened.status();
  EXPECT_EQ((*reopened)->live_records(), 69u);
  EXPECT_EQ(Read(reopened->get()), Read(index_.get()));
}

TEST_F(RecordIndexTest, LeftoversOfACrashAreRemoved) {
  CommitUnits(0, 5, "one");
  const std::string copy = Copy("copy");
  std::ofstream(copy + "/ingest/state.sst") << "cut";
  const auto reopened = RecordIndex::Open({copy}, *log_);
  ASSERT_TRUE(reopened.ok()) << reopened.status();
  EXPECT_EQ(Read(reopened->get()).size(), 5u);
}

// A small cache in front: what waits for its file is still known.
TEST_F(RecordIndexTest, WhatWaitsForItsFileIsKnown) {
  auto small =
      RecordIndex::Open({directory_.path() + "/small", false, 10}, *log_);
  ASSERT_TRUE(small.ok()) << small.status();
  for (uint64_t i = 0; i < 40; ++i) {
    ASSERT_TRUE((*small)->Put(UnitKey(absl::StrCat("u", i)), {i}).ok());
    (*small)->Committed(i + 1);
    for (uint64_t j = 0; j <= i; ++j) {
      const auto found = (*small)->Find(UnitKey(absl::StrCat("u", j)));
      ASSERT_TRUE(found.ok() && found->has_value()) << j << " of " << i;
      EXPECT_EQ((*found)->sequence, j);
    }
  }
  EXPECT_EQ((*small)->live_records(), 40u);
}

// Opened over more records than its table holds, and with changes that are
// taken back.
TEST_F(RecordIndexTest, ASmallCacheKnowsWhatIsStoredAndWhatIsNot) {
  const auto small = OpenSmallOverFifty();
  ASSERT_TRUE(small.ok()) << small.status();
  const auto sequence = [&](int unit) -> std::optional<uint64_t> {
    const auto found = (*small)->Find(UnitKey(absl::StrCat("u", unit)));
    EXPECT_TRUE(found.ok()) << found.status();
    if (!found.ok() || !found->has_value()) return std::nullopt;
    return (*found)->sequence;
  };
  for (int i = 0; i < 60; ++i) {
    const auto known = index_->Find(UnitKey(absl::StrCat("u", i)));
    ASSERT_TRUE(known.ok());
    EXPECT_EQ(sequence(i).has_value(), known->has_value()) << i;
    if (known->has_value()) {
      EXPECT_EQ(sequence(i), (*known)->sequence) << i;
    }
  }
  EXPECT_EQ((*small)->live_records(), 49u);
  ASSERT_TRUE((*small)->Put(UnitKey("u3"), {100}).ok());
  ASSERT_TRUE((*small)->Put(UnitKey("u55"), {101}).ok());
  (*small)->Undo();
  EXPECT_EQ(sequence(3), 3u);
  EXPECT_EQ(sequence(55), std::nullopt);
  ASSERT_TRUE((*small)->Put(UnitKey("u3"), {100}).ok());
  ASSERT_TRUE((*small)->Put(UnitKey("u55"), {101}).ok());
  (*small)->Committed(102);
  EXPECT_EQ(sequence(3), 100u);
  EXPECT_EQ(sequence(55), 101u);
  EXPECT_EQ((*small)->live_records(), 50u);
}

// Of what was read ahead, asked for or put more is known than memory holds.
TEST_F(RecordIndexTest, WhatIsReadAheadIsWhatIsStored) {
  const auto small = OpenSmallOverFifty();
  ASSERT_TRUE(small.ok()) << small.status();
  std::vector<std::string> keys;
  for (int i = 60; i-- > 0;) keys.push_back(UnitKey(absl::StrCat("u", i)));
  keys.push_back(keys.front());
  keys.push_back(keys[30]);
  const auto key = [&](size_t i) { return std::string_view(keys[i]); };
  for (uint64_t round = 0; round < 3; ++round) {
    ASSERT_TRUE((*small)->ReadAhead(keys.size(), key).ok());
    for (const std::string& one : keys) {
      const auto expected = index_->Find(one);
      const auto found = (*small)->Find(one);
      ASSERT_TRUE(expected.ok() && found.ok()) << found.status();
      ASSERT_EQ(found->has_value(), expected->has_value()) << one;
      if (!expected->has_value()) continue;
      EXPECT_EQ((*found)->sequence, (*expected)->sequence);
      EXPECT_EQ((*found)->deleted, (*expected)->deleted);
      EXPECT_EQ((*found)->fingerprint, (*expected)->fingerprint);
    }
    // Memory forgets the half that it had before.
    (*small)->Committed(51);
  }
  EXPECT_EQ((*small)->live_records(), 49u);
}

// A record that memory has forgotten but for what it was before: taken back, it
// is that again.
TEST_F(RecordIndexTest, WhatIsTakenBackIsWhatItWasBefore) {
  const auto small =
      RecordIndex::Open({directory_.path() + "/small", false, 10}, *log_);
  ASSERT_TRUE(small.ok()) << small.status();
  for (uint64_t i = 0; i < 11; ++i) {
    ASSERT_TRUE((*small)->Put(UnitKey(absl::StrCat("u", i)), {i}).ok());
  }
  (*small)->Committed(11);
  for (uint64_t i = 0; i < 12; ++i) {
    ASSERT_TRUE((*small)->Put(UnitKey(absl::StrCat("u", i)), {100 + i}).ok());
  }
  (*small)->Undo();
  for (uint64_t i = 0; i < 12; ++i) {
    const auto found = (*small)->Find(UnitKey(absl::StrCat("u", i)));
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(found->has_value(), i < 11) << i;
    if (found->has_value()) {
      EXPECT_EQ((*found)->sequence, i);
    }
  }
  EXPECT_EQ((*small)->live_records(), 11u);
}

// The thread writes by itself, a file's worth at a time.
TEST_F(RecordIndexTest, FullFilesAreWrittenWithoutBeingAsked) {
  uint64_t size = 0;
  for (; size < 2 * kStateFileEntries + 10; ++size) {
    ASSERT_TRUE(
        index_->Put(UnitKey(std::to_string(size % 1'000)), {size}).ok());
    if (size % 1'024 == 1'023) index_->Committed(size + 1);
  }
  index_->Committed(size);
  const std::string folder = directory_.path() + "/state";
  const auto files = [&] {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      count += entry.path().extension() == ".sst";
    }
    return count;
  };
  while (files() < 2) std::this_thread::yield();
  EXPECT_EQ(Read(index_.get()).size(), 1'000u);
}

// A file that the state had and has no more: the next change of its records
// was linked to a wrong past.
TEST_F(RecordIndexTest, AStateThatLacksARecordIsMadeAnew) {
  CommitUnits(0, 50, "first");
  ASSERT_TRUE(index_->Flush().ok());
  const std::string copy = Copy("copy");
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open({}, copy, &db).ok());
  ASSERT_TRUE(db->Delete(rocksdb::WriteOptions(), UnitKey("u7")).ok());
  delete db;
  const auto reopened = RecordIndex::Open({copy}, *log_);
  ASSERT_TRUE(reopened.ok()) << reopened.status();
  EXPECT_EQ(Read(reopened->get()), Read(index_.get()));
}

TEST_F(RecordIndexTest, AStateThatCannotBeOpenedIsMadeAnew) {
  CommitUnits(0, 50, "first");
  ASSERT_TRUE(index_->Flush().ok());
  const std::string copy = Copy("copy");
  for (const auto& entry : std::filesystem::directory_iterator(copy)) {
    if (entry.path().extension() == ".sst") std::filesystem::remove(entry);
  }
  const auto reopened = RecordIndex::Open({copy}, *log_);
  ASSERT_TRUE(reopened.ok()) << reopened.status();
  EXPECT_EQ(Read(reopened->get()), Read(index_.get()));
}

// The state could not be written: the cache was emptied all the same, and
// changes were linked to what the state had before.
TEST_F(RecordIndexTest, NothingIsPutOnceTheStateCannotBeWritten) {
  const std::string path = directory_.path() + "/small";
  auto small = RecordIndex::Open({path, false, 10}, *log_);
  ASSERT_TRUE(small.ok()) << small.status();
  std::filesystem::remove_all(path + "/ingest");
  for (uint64_t i = 0; i < 11; ++i) {
    ASSERT_TRUE((*small)->Put(UnitKey(absl::StrCat("u", i)), {i}).ok());
  }
  (*small)->Committed(11);
  const absl::Status refused = (*small)->Put(UnitKey("u0"), {11});
  EXPECT_TRUE(absl::IsInternal(refused)) << refused;
  EXPECT_NE(refused.message().find("restart the node"), std::string::npos);
  const auto found = (*small)->Find(UnitKey("u0"));
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->sequence, 0u);
}

}  // namespace
}  // namespace tongchou::node
