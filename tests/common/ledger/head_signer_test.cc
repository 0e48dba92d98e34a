#include "common/ledger/head_signer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/file.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::ledger {
namespace {

using testing::HasSubstr;

constexpr char kOrigin[] = "tongchou/360000/360100";

class SignGuardTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<HeadSigner>> Open() {
    if (log_ == nullptr) {
      log_ = *LogStore::Open({.directory = directory_.path() + "/log"});
    }
    auto key = *base::Ed25519PrivateKey::FromSeed(
        std::string(base::kEd25519SeedBytes, 'c'));
    return HeadSigner::Open(path_, kOrigin, Signer(kOrigin, std::move(key)),
                            log_.get(), /*alone=*/true);
  }
  void Say(const std::string& text) {
    ASSERT_TRUE(base::WriteFileDurably(path_, text).ok());
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/guard.json";
  std::unique_ptr<LogStore> log_;
};

TEST_F(SignGuardTest, SaysItsFormat) {
  ASSERT_TRUE(Open().ok());
  EXPECT_THAT(base::ReadFile(path_).value(), HasSubstr("\"format\": 1,"));
  EXPECT_TRUE(Open().ok());
}

TEST_F(SignGuardTest, OneWithoutAFormatHasTheFirst) {
  Say(R"({"origin": "tongchou/360000/360100", "allowed_size": 5,
          "last_note": ""})");
  EXPECT_TRUE(Open().ok());
}

TEST_F(SignGuardTest, ANewerOneIsRefusedAndLeftAlone) {
  for (const char* const format : {"2", "18446744073709551615", "\"1\""}) {
    const std::string text = std::string("{\"format\": ") + format + "}";
    Say(text);
    for (const absl::Status& status :
         {Open().status(), HeadSigner::GuardedNote(path_, kOrigin).status()}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr(path_ + ": the sign guard has format " + format));
    }
    EXPECT_EQ(base::ReadFile(path_).value(), text);
  }
}

TEST_F(SignGuardTest, WhatIsNoneIsRefused) {
  for (const char* const text : {"", "[]", "{}", "{\"format\": 1}", "\xff"}) {
    Say(text);
    EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss) << text;
  }
  Say(R"({"origin": "another", "allowed_size": 5, "last_note": ""})");
  EXPECT_THAT(std::string(Open().status().message()),
              HasSubstr("the sign guard is of \"another\""));
}

}  // namespace
}  // namespace tongchou::ledger
