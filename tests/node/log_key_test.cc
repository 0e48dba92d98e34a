#include "node/log_key.h"

#include <gmock/gmock.h>

#include "common/base/file.h"
#include "tests/node/test_node.h"

namespace tongchou::node {
namespace {

using testing::HasSubstr;

class LogKeyTest : public NodeTest {
 protected:
  void SetUp() override {
    config_.province = "360000";
    config_.city = 360100;
    config_.signing_key = directory_.path() + "/log-key.pem";
    config_.sign_guard = directory_.path() + "/guard";
    WriteKey(config_.signing_key, 1);
    NodeTest::SetUp();
    OpenSigner();
  }
  static base::Ed25519PrivateKey KeyOf(char seed) {
    return *base::Ed25519PrivateKey::FromSeed(
        std::string(base::kEd25519SeedBytes, seed));
  }
  static void WriteKey(const std::string& path, char seed) {
    ASSERT_TRUE(base::WritePrivateFileDurably(path, KeyOf(seed).ToPem()).ok());
  }
  ledger::VerifierKey Verifier(char seed) const {
    return ledger::Signer(config_.Origin(), KeyOf(seed)).verifier();
  }
  void OpenSigner() {
    changer_.reset();
    auto keys = LoadSigningKeys(config_, *log_, index_.get(), reader_.get());
    ASSERT_TRUE(keys.ok()) << keys.status();
    auto signer = ledger::HeadSigner::Open(config_.sign_guard, config_.Origin(),
                                           *std::move(keys), log_.get(), true);
    ASSERT_TRUE(signer.ok()) << signer.status();
    signer_ = *std::move(signer);
    if (log_->Head().size() > 0) {
      ASSERT_TRUE(signer_->Confirm(0, ledger::EmptyRoot()).ok());
    }
    changer_ = std::make_unique<KeyChanger>(config_, index_.get(),
                                            signer_.get(), sequencer_.get());
  }
  void Restart() {
    changer_.reset();
    signer_.reset();
    Open();
    OpenSigner();
  }
  // Who signs the whole log now.
  ledger::VerifierKey SigningNow() {
    const ledger::LogHead head = log_->Head();
    const auto note = signer_->Sign(head.size(), head.range.Root());
    EXPECT_TRUE(note.ok()) << note.status();
    for (const char seed : {1, 2, 3}) {
      if (note.ok() && ledger::OpenCheckpoint(*note, Verifier(seed)).ok()) {
        return Verifier(seed);
      }
    }
    return {};
  }
  bool Exists(const std::string& suffix) const {
    return base::FileExists(config_.signing_key + suffix);
  }

  NodeConfig config_;
  std::unique_ptr<ledger::HeadSigner> signer_;
  std::unique_ptr<KeyChanger> changer_;
};

TEST_F(LogKeyTest, ARotationGoesThroughTheLog) {
  ASSERT_TRUE(Commit({Upsert("1", "a")}).ok());
  ASSERT_TRUE(changer_->Step(1).ok()) << "nothing to do";
  EXPECT_EQ(size(), 1u);
  WriteKey(config_.signing_key + ".next", 2);
  EXPECT_EQ(*MakeNextKey(config_), Verifier(2)) << "the one that is there";
  ASSERT_TRUE(changer_->Step(1).ok());
  EXPECT_EQ(size(), 2u);
  EXPECT_EQ(SigningNow(), Verifier(2));
  const auto entry = reader_->ReadEntry(1);
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(entry->header.type(), v1::RECORD_TYPE_LOG_KEY);
  EXPECT_EQ(entry->header.reason(), v1::REASON_LOG_KEY);
  ASSERT_TRUE(changer_->Step(1).ok()) << "the province does not hold it yet";
  EXPECT_EQ(size(), 2u) << "written once";
  EXPECT_TRUE(Exists(".next"));
  ASSERT_TRUE(changer_->Step(2).ok());
  EXPECT_FALSE(Exists(".next"));
  EXPECT_EQ(LoadSigner(config_)->verifier(), Verifier(2));
  Restart();
  EXPECT_EQ(SigningNow(), Verifier(2));
  EXPECT_EQ(signer_->keys().first(), Verifier(1));
}

TEST_F(LogKeyTest, ARestartAtAnyStepGoesOn) {
  ASSERT_TRUE(Commit({Upsert("1", "a")}).ok());
  WriteKey(config_.signing_key + ".next", 2);
  Restart();  // only the key was made
  EXPECT_EQ(SigningNow(), Verifier(1));
  ASSERT_TRUE(changer_->Step(1).ok());
  Restart();  // the entry is there, the province does not have it
  EXPECT_EQ(size(), 2u);
  EXPECT_EQ(SigningNow(), Verifier(2));
  ASSERT_TRUE(changer_->Step(1).ok());
  EXPECT_EQ(size(), 2u);
  ASSERT_TRUE(changer_->Step(2).ok());
  WriteKey(config_.signing_key + ".next", 3);
  ASSERT_TRUE(changer_->Step(2).ok());
  ASSERT_TRUE(changer_->Step(3).ok());
  Restart();
  EXPECT_EQ(SigningNow(), Verifier(3));
  EXPECT_EQ(signer_->keys().changes().size(), 2u);
}

// The province may hold the change though this log does not: its disk was lost
// before the files followed.
TEST_F(LogKeyTest, AStartIsSignedWithTheNextKeyToo) {
  const ledger::Start start = {.origin = config_.Origin(), .counter = 2};
  const auto signs = [&](char seed) {
    return ledger::OpenStart(signer_->SignStart(start), Verifier(seed)).ok();
  };
  EXPECT_FALSE(signs(2));
  WriteKey(config_.signing_key + ".next", 2);
  Restart();
  EXPECT_TRUE(signs(1));
  EXPECT_TRUE(signs(2));
  ASSERT_TRUE(Commit({Upsert("1", "a")}).ok());
  ASSERT_TRUE(changer_->Step(1).ok());
  EXPECT_EQ(SigningNow(), Verifier(2));
  EXPECT_TRUE(signs(1));
  EXPECT_TRUE(signs(2));
  ASSERT_TRUE(changer_->Step(2).ok());
  EXPECT_FALSE(signs(1));
  EXPECT_TRUE(signs(2));
}

TEST_F(LogKeyTest, AReadOnlyNodeChangesNothing) {
  ASSERT_TRUE(Commit({Upsert("1", "a")}).ok());
  WriteKey(config_.signing_key + ".next", 2);
  read_only_ = "an old copy";
  EXPECT_FALSE(changer_->Step(1).ok());
  read_only_.clear();
  EXPECT_EQ(SigningNow(), Verifier(1));
  EXPECT_TRUE(changer_->Step(1).ok());
  EXPECT_EQ(SigningNow(), Verifier(2));
}

TEST_F(LogKeyTest, ALostKeyIsReplacedBeforeAnythingIsSigned) {
  ASSERT_TRUE(Commit({Upsert("1", "a")}).ok());
  WriteKey(config_.signing_key, 2);
  ASSERT_TRUE(
      KeepReplacement(config_.signing_key, Verifier(1), *LoadSigner(config_))
          .ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(MakeNextKey(config_).status()));
  Restart();
  EXPECT_TRUE(absl::IsUnavailable(
      signer_->Sign(1, log_->Head().range.Root()).status()));
  ASSERT_TRUE(changer_->Step(1).ok());
  EXPECT_EQ(SigningNow(), Verifier(2));
  Restart();
  EXPECT_EQ(SigningNow(), Verifier(2));
  EXPECT_TRUE(Exists(".change"));
  ASSERT_TRUE(changer_->Step(2).ok());
  EXPECT_FALSE(Exists(".change"));
  EXPECT_EQ(size(), 2u);
}

// As of an old copy from between two changes, too: it is brought back.
TEST_F(LogKeyTest, ALogThatDoesNotLeadToTheKeyCanOnlyBeRead) {
  WriteKey(config_.signing_key + ".next", 2);
  ASSERT_TRUE(changer_->Step(0).ok());
  ASSERT_TRUE(changer_->Step(1).ok());
  WriteKey(config_.signing_key, 3);
  const auto keys =
      LoadSigningKeys(config_, *log_, index_.get(), reader_.get());
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_THAT(keys->problem, HasSubstr("the key here is"));
  const auto signer = ledger::HeadSigner::Open(
      config_.sign_guard, config_.Origin(), *keys, log_.get(), true);
  ASSERT_TRUE(signer.ok()) << signer.status();
  EXPECT_THAT((*signer)->read_only_reason(), HasSubstr("an old copy"));
  EXPECT_FALSE((*signer)->Confirm(1, *log_->RootAt(1)).ok());
  EXPECT_FALSE((*signer)->Sign(1, *log_->RootAt(1)).ok());
}

// What the province says about the log's keys is vouched for by the key here.
TEST_F(LogKeyTest, KeysOfTheProvincesCopy) {
  const auto signer = [&](char seed) {
    return ledger::Signer(config_.Origin(), KeyOf(seed));
  };
  const std::string change = ledger::StateKeyChange(signer(1), signer(2));
  EXPECT_EQ(KeysOfCopy(config_, {})->newest(), Verifier(1));
  EXPECT_FALSE(KeysOfCopy(config_, {{4, change}}).ok());
  // On its way when the disk was lost: the copy may have it or not.
  WriteKey(config_.signing_key + ".next", 2);
  EXPECT_EQ(KeysOfCopy(config_, {})->newest(), Verifier(1));
  EXPECT_EQ(KeysOfCopy(config_, {{4, change}})->newest(), Verifier(2));
  ASSERT_TRUE(
      base::Rename(config_.signing_key + ".next", config_.signing_key).ok());
  EXPECT_EQ(KeysOfCopy(config_, {{4, change}})->first(), Verifier(1));
  // A lost key: the copy is the old one's until the change is in it.
  ASSERT_TRUE(
      KeepReplacement(config_.signing_key, Verifier(1), signer(2)).ok());
  EXPECT_EQ(KeysOfCopy(config_, {})->newest(), Verifier(1));
  const std::string replaced =
      ledger::StateKeyReplacement(Verifier(1), signer(2));
  EXPECT_EQ(KeysOfCopy(config_, {{4, replaced}})->newest(), Verifier(2));
}

}  // namespace
}  // namespace tongchou::node
