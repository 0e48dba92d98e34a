#include "audit/trace.h"

#include <gmock/gmock.h>

#include "common/ledger/checkpoint.h"
#include "common/ledger/cosignature.h"
#include "common/ledger/tlog_proof.h"
#include "tests/audit/run_program.h"
#include "tests/audit/test_archive.h"

namespace tongchou::audit {
namespace {

using testing::HasSubstr;

class TraceTest : public testing::Test {
 protected:
  TraceTest() { copy_.Write(); }
  absl::StatusOr<FigureTrace> Trace(const FigureName& figure) {
    return TraceFigure(copy_.archive(), copy_.policy(), figure,
                       copy_.PathOf("proofs"));
  }
  // As somebody does who has the two files and the pinned keys only.
  void CheckProof(const TracedRecord& record) {
    const auto proof =
        ledger::ParseTlogProof(base::ReadFile(record.proof).value());
    ASSERT_TRUE(proof.ok()) << proof.status();
    EXPECT_EQ(proof->index, record.sequence);
    const Policy policy = copy_.policy();
    const auto head = ledger::OpenCheckpoint(proof->checkpoint,
                                             policy.cities.at(record.city).key);
    ASSERT_TRUE(head.ok()) << head.status();
    EXPECT_TRUE(
        ledger::VerifyCosignature(proof->checkpoint, policy.witness).ok());
    std::string entry = record.proof;
    entry.replace(entry.rfind(".tlog-proof"), std::string::npos, ".entry");
    EXPECT_TRUE(
        ledger::VerifyInclusion(proof->index, head->size,
                                ledger::HashLeaf(base::ReadFile(entry).value()),
                                proof->proof, head->root)
            .ok());
  }

  TestArchive copy_;
};

TEST_F(TraceTest, AFigureLeadsToItsRecordsWithProofs) {
  const auto trace = Trace({"K1.1", false, kNanchang, 360103, "110", kTestDay});
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_TRUE(trace->findings.empty());
  EXPECT_EQ(trace->value, 3);
  // Entries 3, 9 and 11 are the last changes of three persons' enrolments.
  ASSERT_EQ(trace->records.size(), 3u);
  EXPECT_EQ(trace->records[0].sequence, 3u);
  EXPECT_EQ(trace->records[1].sequence, 9u);
  EXPECT_EQ(trace->records[2].sequence, 11u);
  for (const TracedRecord& record : trace->records) {
    EXPECT_EQ(record.type, "enrolment");
    CheckProof(record);
  }
}

// Joined records too: a repayment and its loan.
TEST_F(TraceTest, EveryFigureThatIsNotZeroHasRecords) {
  int traced = 0;
  for (const auto& [name, value] : copy_.claims.figures) {
    const auto trace = Trace(name);
    ASSERT_TRUE(trace.ok()) << Describe(name) << ": " << trace.status();
    EXPECT_EQ(trace->value, value) << Describe(name);
    if (value.value_or(0) == 0) continue;
    EXPECT_GE(trace->records_total, 1u) << Describe(name);
    if (name.id == "K6.balance") {
      EXPECT_THAT(FormatText(*trace), HasSubstr("repayment"));
      EXPECT_THAT(FormatText(*trace), HasSubstr("loan"));
    }
    if (++traced % 16 == 0) CheckProof(trace->records.back());
  }
  EXPECT_GT(traced, 50);
}

TEST_F(TraceTest, TheProvinceHasTheRecordsOfAllCities) {
  const auto trace = Trace({"K1.1", true, 0, 0, "110", 0});
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(trace->figure.period, kTestDay);
  EXPECT_EQ(trace->records_total, 6u);
}

TEST_F(TraceTest, NothingIsTracedInAnUnsoundCopy) {
  copy_.nanchang.entry(4).body.back() ^= 1;
  copy_.Write();
  const auto trace = Trace({"K1.1", false, kNanchang, 360103, "110", kTestDay});
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_FALSE(trace->findings.empty());
  EXPECT_TRUE(trace->records.empty());
}

TEST_F(TraceTest, ACommandOfItsOwn) {
  const std::string policy = copy_.WritePolicy();
  const Outcome trace = RunProgram(
      {"trace", "K6.amount", "--dir", copy_.path(), "--policy", policy,
       "--city", "360100", "--period", "200803", "--out", copy_.PathOf("p")});
  EXPECT_EQ(trace.exit, 0) << trace.error;
  EXPECT_THAT(trace.out, HasSubstr("value    5000000"));
  EXPECT_THAT(trace.out, HasSubstr("360100-6.tlog-proof"));
  const Outcome none =
      RunProgram({"trace", "K99", "--dir", copy_.path(), "--policy", policy,
                  "--out", copy_.PathOf("p")});
  EXPECT_EQ(none.exit, 2);
  EXPECT_THAT(none.error, HasSubstr("there is no figure K99"));
}

}  // namespace
}  // namespace tongchou::audit
