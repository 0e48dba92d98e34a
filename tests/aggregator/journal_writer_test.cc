#include "aggregator/service/journal_writer.h"

#include <gtest/gtest.h>

#include <future>
#include <map>

#include "common/base/status.h"
#include "tests/common/ledger/add_with_leaf.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::aggregator {
namespace {

constexpr uint32_t kNanchang = 360'100;
constexpr uint32_t kJiujiang = 360'400;
constexpr uint32_t kGanzhou = 360'700;

// One entry, as the first of its log or behind `before` others.
exchange::VerifiedBatch OneEntry(uint64_t before = 0) {
  ledger::BundleWriter writer;
  exchange::VerifiedBatch batch;
  const ledger::Hash leaf = ledger::AddWithLeaf(&writer, "header", "body");
  for (uint64_t i = 0; i <= before; ++i) batch.range.Append(leaf);
  batch.bundles.push_back({before, 1, writer.Finish(before), nullptr});
  batch.end_size = before + 1;
  batch.cosign = false;
  return batch;
}

class JournalWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    auto journal = Journal::Open({directory_.path() + "/journal"});
    ASSERT_TRUE(journal.ok()) << journal.status();
    journal_ = *std::move(journal);
    writer_ = JournalWriter::Start(
        journal_.get(),
        ledger::Cosigner("tongchou/360000/witness",
                         base::Ed25519PrivateKey::Generate()),
        &clock_,
        [this](JournalGroup group) { groups_.push_back(std::move(group)); });
  }
  void Submit(uint32_t city, exchange::VerifiedBatch batch) {
    writer_->Submit(
        city, std::move(batch), v1::Incarnation(),
        [this, city](const absl::Status& status, uint64_t, const std::string&) {
          outcomes_.emplace(city, status);
        });
  }
  // What `submit` submits goes into one group.
  void InOneGroup(const std::function<void()>& submit) {
    std::promise<void> entered;
    std::promise<void> release;
    writer_->SubmitEntry(AccessEntry(v1::Access()), [&](const absl::Status&) {
      entered.set_value();
      release.get_future().wait();
    });
    entered.get_future().wait();
    submit();
    release.set_value();
    ASSERT_TRUE(writer_->Record(AccessEntry(v1::Access())).ok());
    for (const auto& [city, status] : outcomes_) writer_->WaitFor(city);
  }

  TemporaryDirectory directory_;
  base::RealClock clock_;
  std::vector<JournalGroup> groups_;
  std::map<uint32_t, absl::Status> outcomes_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<JournalWriter> writer_;
};

// One that does not continue its city's log, one whose head is no note.
TEST_F(JournalWriterTest, ACityWhoseBatchIsRefusedHarmsNoOther) {
  InOneGroup([&] {
    Submit(kNanchang, OneEntry(7));
    exchange::VerifiedBatch unsigned_batch = OneEntry();
    unsigned_batch.cosign = true;
    Submit(kGanzhou, std::move(unsigned_batch));
    Submit(kJiujiang, OneEntry());
  });
  ASSERT_EQ(outcomes_.size(), 3u);
  EXPECT_TRUE(absl::IsInternal(outcomes_[kNanchang])) << outcomes_[kNanchang];
  EXPECT_FALSE(outcomes_[kGanzhou].ok());
  EXPECT_TRUE(outcomes_[kJiujiang].ok()) << outcomes_[kJiujiang];
  ASSERT_EQ(groups_.size(), 1u);
  EXPECT_EQ(groups_[0].bundles.size(), 1u);
  EXPECT_EQ(journal_->cities(), std::vector{kJiujiang});
  EXPECT_TRUE(writer_->queue().last.ok());
}

}  // namespace
}  // namespace tongchou::aggregator
