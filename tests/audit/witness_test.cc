#include "audit/witness.h"

#include <gtest/gtest.h>

#include <fstream>

#include "common/base/base64.h"
#include "common/base/file.h"
#include "common/ledger/proof.h"
#include "common/ledger/signer.h"
#include "tests/common/ledger/vectors.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::audit {
namespace {

using nlohmann::json;

base::Ed25519PrivateKey Key(char seed) {
  return *base::Ed25519PrivateKey::FromSeed(
      std::string(base::kEd25519SeedBytes, seed));
}

class WitnessTest : public testing::Test {
 protected:
  void Open(const std::string& vkey) {
    OpenFor({*ledger::ParseVerifierKey(vkey)});
  }
  void OpenFor(const std::vector<ledger::VerifierKey>& keys) {
    witness_.reset();
    auto opened =
        Witness::Open(directory_.path() + "/state", cosigner_, keys, &clock_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    witness_ = *std::move(opened);
  }
  // The cosigned note that request and answer make.
  static std::string Cosigned(const std::string& body,
                              const WitnessAnswer& answer) {
    return body.substr(body.find("\n\n") + 2) + answer.body;
  }

  const ledger::Cosigner cosigner_{"audit.example/witness", Key('w')};
  base::ManualClock clock_{1'700'000'000'000'000};
  TemporaryDirectory directory_;
  std::unique_ptr<Witness> witness_;
};

TEST_F(WitnessTest, PublishedSequenceOfRequests) {
  const json vectors =
      ledger::LoadVectors("vectors.json")["witness_add_checkpoint"];
  Open(vectors["vkey"]);
  ASSERT_EQ(vectors["requests"].size(), 11u);
  for (const json& request : vectors["requests"]) {
    const std::string name = request["name"];
    const std::string body = request["body"];
    const WitnessAnswer answer = witness_->AddCheckpoint(body);
    EXPECT_EQ(answer.status, request["status"]) << name << ": " << answer.body;
    if (!request["body_exact"].is_null()) {
      EXPECT_EQ(answer.body, request["body_exact"]) << name;
      EXPECT_EQ(answer.content_type, "text/x.tlog.size") << name;
    }
    if (answer.status != 200) continue;
    const auto seconds =
        ledger::VerifyCosignature(Cosigned(body, answer), cosigner_.verifier());
    ASSERT_TRUE(seconds.ok()) << name << ": " << seconds.status();
    EXPECT_EQ(*seconds, 1'700'000'000u);
    // A start in between changes nothing.
    Open(vectors["vkey"]);
  }
}

TEST_F(WitnessTest, PublishedGrowthWithItsProof) {
  const json vectors = ledger::LoadVectors("vectors.json")["witness_monkeys"];
  Open(vectors["vkey"]);
  std::string proof;
  for (const std::string hex : vectors["consistency_proof_hex"]) {
    proof += base::Base64Encode(ledger::FromHex(hex)) + "\n";
  }
  const std::string old_note = vectors["old"];
  const std::string new_note = vectors["new"];
  EXPECT_EQ(witness_->AddCheckpoint("old 0\n\n" + old_note).status, 200);
  EXPECT_EQ(witness_->AddCheckpoint("old 5\n\n" + new_note).status, 422);
  EXPECT_EQ(witness_->AddCheckpoint("old 5\n" + proof + "\n" + new_note).status,
            200);
  EXPECT_EQ(witness_->AddCheckpoint("old 5\n\n" + old_note).status, 409);
}

class OwnLogWitnessTest : public WitnessTest {
 protected:
  OwnLogWitnessTest() { Open(log_.verifier().ToText()); }
  static ledger::Hash Root(int size, const std::string& salt = "") {
    ledger::CompactRange range;
    for (int i = 0; i < size; ++i) {
      range.Append(ledger::HashLeaf(salt + std::to_string(i)));
    }
    return range.Root();
  }
  int Add(const std::string& old, const std::string& note) {
    return witness_->AddCheckpoint("old " + old + "\n\n" + note).status;
  }

  const ledger::Signer log_{"tongchou/360000", Key('p')};
};

TEST_F(OwnLogWitnessTest, TwoRootsOfOneSizeAreNeverSigned) {
  EXPECT_EQ(Add("0", log_.Sign(4, Root(4))), 200);
  EXPECT_EQ(Add("4", log_.Sign(4, Root(4))), 200);
  EXPECT_EQ(Add("4", log_.Sign(4, Root(4, "x"))), 422);
  EXPECT_EQ(Add("5", log_.Sign(4, Root(4))), 400);
}

TEST_F(OwnLogWitnessTest, ALogMayHaveALaterKey) {
  const ledger::Signer later{"tongchou/360000", Key('q')};
  EXPECT_EQ(Add("0", log_.Sign(1, Root(1))), 200);
  EXPECT_EQ(Add("1", later.Sign(1, Root(1))), 403);
  OpenFor({log_.verifier(), later.verifier()});
  EXPECT_EQ(Add("1", later.Sign(1, Root(1))), 200);
  OpenFor({log_.verifier(), later.verifier()});
  EXPECT_EQ(Add("1", log_.Sign(1, Root(1))), 200);
  EXPECT_EQ(Add("1", later.Sign(1, Root(1, "x"))), 422) << "the same log";
}

TEST_F(OwnLogWitnessTest, AnEmptyLogHasOneRoot) {
  EXPECT_EQ(Add("0", log_.Sign(0, Root(1))), 422);
  EXPECT_EQ(Add("0", log_.Sign(0, ledger::EmptyRoot())), 200);
}

TEST_F(OwnLogWitnessTest, MalformedRequestsAreRefused) {
  const std::string note = log_.Sign(1, Root(1));
  EXPECT_EQ(Add("00", note), 400);
  EXPECT_EQ(Add("-1", note), 400);
  EXPECT_EQ(Add("", note), 400);
  EXPECT_EQ(witness_->AddCheckpoint("").status, 400);
  EXPECT_EQ(witness_->AddCheckpoint("old 0\n" + note).status, 400);
  EXPECT_EQ(witness_->AddCheckpoint("old 0\nAAAA\n\n" + note).status, 400);
  EXPECT_EQ(Add("0", note + std::string(kWitnessBodyBytesMax, 'x')), 400);
  const std::string hash = base::Base64Encode(std::string(32, 'h')) + "\n";
  std::string proof;
  for (size_t i = 0; i < kWitnessProofHashesMax; ++i) proof += hash;
  EXPECT_EQ(witness_->AddCheckpoint("old 0\n" + proof + "\n" + note).status,
            422);
  EXPECT_EQ(
      witness_->AddCheckpoint("old 0\n" + proof + hash + "\n" + note).status,
      400);
}

TEST_F(OwnLogWitnessTest, TheNewestIsShown) {
  const std::string hash =
      base::HexEncode(base::Sha256("tongchou/360000").view());
  EXPECT_EQ(witness_->GetCheckpoint(hash).status, 404);
  const std::string note = log_.Sign(2, Root(2));
  ASSERT_EQ(Add("0", note), 200);
  const WitnessAnswer shown = witness_->GetCheckpoint(hash);
  EXPECT_EQ(shown.status, 200);
  EXPECT_TRUE(ledger::OpenCheckpoint(shown.body, log_.verifier()).ok());
  EXPECT_EQ(witness_->GetCheckpoint("00").status, 404);
}

// Without what it signed it might sign two histories.
TEST_F(OwnLogWitnessTest, AChangedStateStopsIt) {
  ASSERT_EQ(Add("0", log_.Sign(2, Root(2))), 200);
  const std::string file =
      directory_.path() + "/state/" +
      base::HexEncode(base::Sha256("tongchou/360000").view());
  std::ofstream(file) << log_.Sign(1, Root(1));
  EXPECT_TRUE(
      absl::IsDataLoss(Witness::Open(directory_.path() + "/state", cosigner_,
                                     {log_.verifier()}, &clock_)
                           .status()));
}

}  // namespace
}  // namespace tongchou::audit
