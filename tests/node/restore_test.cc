#include "node/restore.h"

#include <gmock/gmock.h>

#include "common/base/big_endian.h"
#include "common/base/file.h"
#include "common/ledger/bundle.h"
#include "common/ledger/head_signer.h"
#include "node/local_facts.h"
#include "tests/node/test_node.h"

namespace tongchou::node {
namespace {

using ::testing::HasSubstr;

// The parts of NodeTest are the node before its misfortune; `Province` is what
// it had sent, and the configuration is that of the node to be restored.
class RestoreTest : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    config_.province = "360000";
    config_.city = 360'100;
    config_.data = directory_.path() + "/restored";
    config_.signing_key = directory_.path() + "/key.pem";
    config_.sign_guard = directory_.path() + "/guard";
    config_.clock_day = kDay;
    ASSERT_TRUE(
        base::WritePrivateFileDurably(config_.signing_key, key_.ToPem()).ok());
  }

  ledger::Signer CitySigner() const { return {config_.Origin(), key_}; }

  // Three transactions, one with an id, in as many bundles.
  void WriteSome(const std::string& prefix) {
    ASSERT_TRUE(Commit({Upsert(prefix + "a", "1"), Upsert(prefix + "b", "1")},
                       prefix + "-id")
                    .ok());
    ASSERT_TRUE(Commit({Upsert(prefix + "c", "1")}).ok());
    ASSERT_TRUE(Commit({Upsert(prefix + "a", "2"), Delete(prefix + "b")}).ok());
  }

  // One message for each bundle of the log, with a head behind each.
  std::vector<v1::ReadBackResponse> Province() const {
    std::vector<v1::ReadBackResponse> pieces(1);
    pieces.front().set_size(size());
    pieces.front().set_incarnation_counter(7);
    EXPECT_TRUE(log_->ReadBundles(
                        0,
                        [&](ledger::StoredBundle&& stored) {
                          const auto range = *ledger::PeekBundle(stored.bytes);
                          v1::ReadBackResponse& piece = pieces.emplace_back();
                          piece.add_bundles(stored.bytes);
                          piece.add_checkpoints(CitySigner().Sign(
                              range.end(), *log_->RootAt(range.end())));
                          return true;
                        })
                    .ok());
    return pieces;
  }
  // Answers as the province does.
  static ReadBackOpener Opener(std::vector<v1::ReadBackResponse> pieces,
                               uint64_t* asked_from = nullptr) {
    return [=](uint64_t from) -> absl::StatusOr<ReadBackSource> {
      if (asked_from != nullptr) *asked_from = from;
      std::vector<v1::ReadBackResponse> answer;
      for (const v1::ReadBackResponse& piece : pieces) {
        if (piece.bundles().empty()) {
          answer.push_back(piece);
        } else if (const auto range = ledger::PeekBundle(piece.bundles(0));
                   !range.ok() || range->first_sequence >= from) {
          answer.push_back(piece);
        }
      }
      if (answer.size() == 1 && pieces.size() > 1) {
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
  absl::StatusOr<RestoreSummary> Restore(
      std::vector<v1::ReadBackResponse> pieces) {
    return node::Restore(
        config_, Opener(std::move(pieces), &asked_from_),
        [&](const RestoreProgress& progress) { progress_ = progress; });
  }

  // The node that was to be restored has the log as it is now.
  void CopyLog() {
    sequencer_.reset();
    index_.reset();
    log_.reset();
    std::filesystem::create_directories(config_.data);
    std::filesystem::copy(directory_.path() + "/log", config_.data + "/log",
                          std::filesystem::copy_options::recursive);
    Open();
  }
  // Runs `work` over the parts of the node to be restored.
  template <typename Work>
  void AtRestored(const Work& work) {
    sequencer_.reset();
    reader_.reset();
    index_.reset();
    log_.reset();
    const std::string own = directory_.path();
    for (const char* part : {"log", "state"}) {
      std::filesystem::rename(own + "/" + part, own + "/kept-" + part);
      if (base::FileExists(config_.data + "/" + part)) {
        std::filesystem::rename(config_.data + "/" + part, own + "/" + part);
      }
    }
    Open();
    work();
    sequencer_.reset();
    index_.reset();
    log_.reset();
    for (const char* part : {"log", "state"}) {
      std::filesystem::rename(own + "/" + part, config_.data + "/" + part);
      std::filesystem::rename(own + "/kept-" + part, own + "/" + part);
    }
    Open();
  }

  NodeConfig config_;
  base::Ed25519PrivateKey key_ = base::Ed25519PrivateKey::Generate();
  RestoreProgress progress_;
  uint64_t asked_from_ = 0;  // the last time
};

TEST_F(RestoreTest, OntoAnEmptyDisk) {
  WriteSome("x");
  const auto done = Restore(Province());
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->entries, 5u);
  EXPECT_EQ(done->added_again, 0u);
  EXPECT_EQ(done->old_log, "");
  EXPECT_EQ(progress_.entries, 5u);
  EXPECT_EQ(progress_.size, 5u);
  const ledger::Hash root = log_->Head().range.Root();
  const int64_t time = log_->Head().last_commit_time_us;
  AtRestored([&] {
    EXPECT_EQ(log_->Head().range.Root(), root);
    EXPECT_EQ(log_->Head().last_commit_time_us, time);
    EXPECT_EQ(index_->live_records(), 2u);
    EXPECT_EQ(base::ReadBigEndian(**log_->GetLocalFact(kIncarnationFact)), 7u);
    EXPECT_EQ(**log_->CheckpointAtOrBefore(UINT64_MAX),
              CitySigner().Sign(5, root));
    // The transaction is known, the next number is the next.
    EXPECT_TRUE(Commit({Upsert("xa", "9")}, "x-id")->repeated);
    EXPECT_EQ(Commit({Upsert("xa", "3")})->committed_size, 6u);
    const auto entry = reader_->ReadEntry(5);
    ASSERT_TRUE(entry.ok()) << entry.status();
    EXPECT_EQ(entry->header.previous(), 4u);
  });
  EXPECT_EQ(
      *ledger::HeadSigner::GuardedNote(config_.sign_guard, config_.Origin()),
      CitySigner().Sign(5, root));
}

TEST_F(RestoreTest, ReceiptsGoOnWithTheNextNumber) {
  const std::string rows =
      "AAB001,AAB004,AAB301\n36010000000012345X,unit,360102\n";
  ASSERT_TRUE(Import({{"unit.csv", "unit", rows}}).ok());
  ASSERT_TRUE(Import({{"again.csv", "unit", rows}}).ok());
  ASSERT_EQ(Receipts().size(), 1u);
  const uint32_t last = Receipts().front().number();
  ASSERT_TRUE(Restore(Province()).ok());
  AtRestored([&] {
    ASSERT_TRUE(Import({{"third.csv", "unit", rows}}).ok());
    ASSERT_EQ(Receipts().size(), 1u);
    EXPECT_EQ(Receipts().front().number(), last + 1);
  });
}

TEST_F(RestoreTest, InPlaceOfAnOldCopy) {
  WriteSome("x");
  CopyLog();
  WriteSome("y");
  const auto done = Restore(Province());
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->added_again, 0u);
  EXPECT_EQ(done->old_log, "");
  const ledger::Hash root = log_->Head().range.Root();
  AtRestored([&] { EXPECT_EQ(log_->Head().range.Root(), root); });
  for (const auto& entry : std::filesystem::directory_iterator(config_.data)) {
    EXPECT_TRUE(entry.path().filename() == "log" ||
                entry.path().filename() == "state")
        << entry.path();
  }
}

// An old copy that is the beginning of what the province has gets the rest.
TEST_F(RestoreTest, OnlyTheMissingEndIsFetched) {
  WriteSome("x");
  CopyLog();
  WriteSome("y");
  const auto pieces = Province();
  const auto log = [&] {
    ledger::LogStoreOptions options;
    options.directory = config_.data + "/log";
    return ledger::LogStore::Open(options).value();
  };
  EXPECT_TRUE(NeedsRestore(config_, *log(), Opener(pieces), false).value());
  const auto done = Restore(pieces);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(asked_from_, 5u);
  EXPECT_EQ(done->entries, 10u);
  EXPECT_EQ(done->fetched, 5u);
  EXPECT_EQ(progress_.entries, 10u);
  EXPECT_FALSE(NeedsRestore(config_, *log(), Opener(pieces), false).value());
  const ledger::Hash root = log_->Head().range.Root();
  const uint64_t live = index_->live_records();
  AtRestored([&] {
    EXPECT_EQ(log_->Head().range.Root(), root);
    EXPECT_EQ(index_->live_records(), live);
    EXPECT_EQ(**log_->FindTransaction("y-id"), 7u);
    EXPECT_EQ(base::ReadBigEndian(**log_->GetLocalFact(kIncarnationFact)), 7u);
    EXPECT_EQ(Commit({Upsert("ya", "3")})->committed_size, 11u);
    const auto entry = reader_->ReadEntry(10);
    ASSERT_TRUE(entry.ok()) << entry.status();
    EXPECT_EQ(entry->header.previous(), 9u);
  });
}

// One that went on alone, but not as far, is no such beginning.
TEST_F(RestoreTest, AnotherBeginningIsFetchedWhole) {
  WriteSome("x");
  CopyLog();
  AtRestored([&] {
    ASSERT_TRUE(Commit({Upsert("old1", "1"), Upsert("old2", "1")}).ok());
  });
  WriteSome("y");
  const auto pieces = Province();
  const ledger::Hash root = log_->Head().range.Root();
  const auto done = Restore(pieces);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(asked_from_, 0u);
  EXPECT_EQ(done->fetched, 10u);
  EXPECT_EQ(done->added_again, 2u);
  AtRestored([&] {
    EXPECT_EQ(size(), 12u);
    EXPECT_EQ(*log_->RootAt(10), root);
  });
}

// A fork in the missing end changes nothing, nor does an end that nobody
// signed.
TEST_F(RestoreTest, AnEndThatDoesNotHoldChangesNothing) {
  WriteSome("x");
  CopyLog();
  WriteSome("y");
  auto pieces = Province();
  ASSERT_TRUE(
      ledger::HeadSigner::RestoreGuard(config_.sign_guard, config_.Origin(), 8,
                                       CitySigner().Sign(8, *log_->RootAt(7)))
          .ok());
  auto done = Restore(pieces);
  EXPECT_TRUE(absl::IsFailedPrecondition(done.status())) << done.status();
  EXPECT_THAT(std::string(base::Message(done.status())), HasSubstr("a fork"));
  AtRestored([&] { EXPECT_EQ(size(), 5u); });
  std::filesystem::remove(config_.sign_guard);
  pieces.back().set_checkpoints(0, CitySigner().Sign(10, *log_->RootAt(9)));
  done = Restore(pieces);
  EXPECT_TRUE(absl::IsDataLoss(done.status())) << done.status();
  AtRestored([&] { EXPECT_EQ(size(), 5u); });
  EXPECT_TRUE(Restore(Province()).ok());
  AtRestored([&] { EXPECT_EQ(size(), 10u); });
}

TEST_F(RestoreTest, WhatOnlyTheOldCopyHasIsAddedAgain) {
  WriteSome("x");
  CopyLog();
  // The old copy goes on alone, unsigned; the province has another past.
  AtRestored([&] { WriteSome("old"); });
  WriteSome("y");
  const auto done = Restore(Province());
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->added_again, 5u);
  EXPECT_TRUE(base::FileExists(done->old_log));
  const ledger::Hash root = log_->Head().range.Root();
  const uint64_t live = index_->live_records();
  AtRestored([&] {
    EXPECT_EQ(size(), 15u);
    EXPECT_EQ(*log_->RootAt(10), root);
    EXPECT_EQ(index_->live_records(), live + 2);
    EXPECT_EQ(**log_->FindTransaction("old-id"), 12u);
    EXPECT_EQ(**log_->FindTransaction("y-id"), 7u);
  });
}

// SIGKILL between the two renames, and behind them: what only the old log had
// is there in the end, and what was written since stays.
TEST_F(RestoreTest, AReplacementThatWasCutOffIsEnded) {
  WriteSome("x");
  CopyLog();
  AtRestored([&] { WriteSome("old"); });
  WriteSome("y");
  const auto pieces = Province();
  const std::string log = config_.data + "/log";
  ASSERT_TRUE(base::Rename(log, log + ".replaced").ok());
  ASSERT_TRUE(EndReplacement(config_).ok());
  EXPECT_TRUE(base::FileExists(log));
  ASSERT_TRUE(base::Rename(log, log + ".replaced").ok());
  auto done = Restore(pieces);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->added_again, 5u);
  ASSERT_TRUE(base::Rename(done->old_log, log + ".replaced").ok());
  AtRestored([&] { WriteSome("since"); });
  done = Restore(pieces);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_TRUE(done->nothing_to_do);
  EXPECT_TRUE(base::FileExists(done->old_log));
  EXPECT_FALSE(base::FileExists(log + ".replaced"));
  AtRestored([&] {
    EXPECT_TRUE(log_->FindTransaction("old-id")->has_value());
    EXPECT_TRUE(log_->FindTransaction("since-id")->has_value());
    EXPECT_EQ(size(), 20u);
  });
}

TEST_F(RestoreTest, ASignedHeadThatDiffersIsAFork) {
  WriteSome("x");
  CopyLog();
  AtRestored([&] {
    WriteSome("old");
    ASSERT_TRUE(log_->PutCheckpoint(
                        10, CitySigner().Sign(10, log_->Head().range.Root()))
                    .ok());
  });
  WriteSome("y");
  const auto done = Restore(Province());
  EXPECT_TRUE(absl::IsFailedPrecondition(done.status()));
  EXPECT_THAT(std::string(base::Message(done.status())), HasSubstr("a fork"));
  AtRestored(
      [&] { EXPECT_TRUE(log_->FindTransaction("old-id")->has_value()); });
}

TEST_F(RestoreTest, EntriesThatWereSignedAndAreNowhereAreNamed) {
  WriteSome("x");
  const auto pieces = Province();
  WriteSome("y");
  ASSERT_TRUE(ledger::HeadSigner::RestoreGuard(
                  config_.sign_guard, config_.Origin(), 10,
                  CitySigner().Sign(10, log_->Head().range.Root()))
                  .ok());
  const auto done = Restore(pieces);
  EXPECT_TRUE(absl::IsFailedPrecondition(done.status()));
  EXPECT_THAT(std::string(base::Message(done.status())),
              HasSubstr("signed 10 entries, the province holds 5: the 5"));
  EXPECT_FALSE(base::FileExists(config_.data + "/log"));
}

TEST_F(RestoreTest, ALogThatHasAllIsLeftAlone) {
  WriteSome("x");
  const auto pieces = Province();
  WriteSome("y");
  CopyLog();
  const auto done = Restore(pieces);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_TRUE(done->nothing_to_do);
  AtRestored([&] { EXPECT_EQ(size(), 10u); });
}

// A backup was put back that had every entry, but the node had started again
// since without writing: the province refused it as a clone for good.
TEST_F(RestoreTest, AnOldCopyWithAllEntriesLearnsOfLaterStarts) {
  WriteSome("x");
  CopyLog();
  const auto log = [&] {
    ledger::LogStoreOptions options;
    options.directory = config_.data + "/log";
    return ledger::LogStore::Open(options).value();
  };
  ASSERT_TRUE(log()->PutLocalFact(kIncarnationFact, NumberFact(3)).ok());
  const auto pieces = Province();  // which has seen the seventh start
  EXPECT_TRUE(NeedsRestore(config_, *log(), Opener(pieces), false).value());
  const auto done = Restore(pieces);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_TRUE(done->nothing_to_do);
  EXPECT_EQ(ReadNumberFact(*log(), kIncarnationFact).value(), 7u);
  EXPECT_FALSE(NeedsRestore(config_, *log(), Opener(pieces), false).value());
  // The province may have seen another start with that number.
  EXPECT_TRUE(NeedsRestore(config_, *log(), Opener(pieces), true).value());
}

TEST_F(RestoreTest, ARunningNodeIsNotRestored) {
  WriteSome("x");
  const auto pieces = Province();
  config_.data = directory_.path();
  const auto done = Restore(pieces);
  EXPECT_TRUE(absl::IsFailedPrecondition(done.status())) << done.status();
  EXPECT_THAT(std::string(base::Message(done.status())),
              HasSubstr("stop the node first"));
}

// The bundle with another last byte of its first body, compressed again.
std::string WithOtherBody(const std::string& bytes) {
  ledger::Bundle bundle;
  EXPECT_TRUE(bundle.Decode(bytes).ok());
  ledger::BundleWriter writer;
  for (size_t i = 0; i < bundle.count(); ++i) {
    std::string body(*bundle.body(i));
    if (i == 0) body.back() = static_cast<char>(body.back() ^ 1);
    writer.Add(bundle.header(i), body);
  }
  return writer.Finish(bundle.first_sequence());
}

// The province gives back something else than it got.
TEST_F(RestoreTest, NothingIsTakenThatTheNodeDidNotSign) {
  WriteSome("x");
  const auto pieces = Province();
  ASSERT_EQ(pieces.size(), 4u);
  using Pieces = std::vector<v1::ReadBackResponse>;
  const std::pair<const char*, std::function<void(Pieces*)>> attacks[] = {
      {"another root",
       [](Pieces* p) {
         p->at(2).set_bundles(0, WithOtherBody(p->at(2).bundles(0)));
       }},
      {"where 2 is next", [](Pieces* p) { p->erase(p->begin() + 2); }},
      {"at size 2 came behind entry 2",
       [](Pieces* p) { p->insert(p->begin() + 2, p->at(1)); }},
      {"sent 3 of 5", [](Pieces* p) { p->pop_back(); }},
      {"covers the entries from 3",
       [](Pieces* p) { p->back().clear_checkpoints(); }},
      {"not of this city's key",
       [&](Pieces* p) {
         const ledger::Signer other(config_.Origin(),
                                    base::Ed25519PrivateKey::Generate());
         p->back().set_checkpoints(0, other.Sign(5, log_->Head().range.Root()));
       }},
      {"holds nothing", [](Pieces* p) { p->clear(); }},
      {"bundle at entry 0",
       [](Pieces* p) { p->at(1).set_bundles(0, "no bundle"); }},
  };
  for (const auto& [words, attack] : attacks) {
    Pieces attacked = pieces;
    attack(&attacked);
    const auto done = Restore(attacked);
    ASSERT_FALSE(done.ok()) << words;
    EXPECT_THAT(base::Describe(done.status()), HasSubstr(words));
    EXPECT_FALSE(base::FileExists(config_.data + "/log")) << words;
    EXPECT_FALSE(base::FileExists(config_.sign_guard)) << words;
  }
  EXPECT_TRUE(Restore(pieces).ok());
}

// An error of the disk for once, and what only this log had was put aside.
TEST_F(RestoreTest, AnOldLogThatCannotBeReadNowIsNotGivenUp) {
  WriteSome("x");
  const auto pieces = Province();
  CopyLog();
  const std::string current = config_.data + "/log/CURRENT";
  std::filesystem::rename(current, current + "-away");
  std::filesystem::create_directory(current);
  const auto refused = Restore(pieces);
  EXPECT_TRUE(absl::IsInternal(refused.status())) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("try again"));
  std::filesystem::remove(current);
  std::filesystem::rename(current + "-away", current);
  const auto done = Restore(pieces);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_TRUE(done->nothing_to_do);
}

}  // namespace
}  // namespace tongchou::node
