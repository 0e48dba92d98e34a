#include "common/ledger/start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/heartbeat.h"
#include "common/ledger/log_keys.h"

namespace tongchou::ledger {
namespace {

using testing::HasSubstr;

constexpr char kOrigin[] = "tongchou/360000/360100";

base::Ed25519PrivateKey KeyOf(char seed) {
  return *base::Ed25519PrivateKey::FromSeed(
      std::string(base::kEd25519SeedBytes, seed));
}

const Start kStart = {
    .origin = kOrigin, .counter = 7, .nonce = 11'400'714'819'323'198'485U};

class StartTest : public testing::Test {
 protected:
  static std::string Signed(const Start& start, const Signer& signer) {
    return SignStart(start, {&signer, 1});
  }
  // The note with this text, signed anew.
  absl::Status OpenText(const std::string& text) const {
    return OpenStart(FormatNote({text, {signer_.SignatureOf(text)}}),
                     signer_.verifier())
        .status();
  }

  const Signer signer_{kOrigin, KeyOf('c')};
  const Signer next_{kOrigin, KeyOf('d')};
  const std::string note_ = Signed(kStart, signer_);
  const std::string text_ = ParseNote(note_)->text;
};

// The signatures are also what another implementation of Ed25519 makes.
TEST_F(StartTest, TheBytes) {
  const std::string one =
      "tongchou start v1\n"
      "tongchou/360000/360100\n"
      "7\n"
      "11400714819323198485\n"
      "\n"
      "\u2014 tongchou/360000/360100 "
      "mrJQTcD24jfZRmmjyf8p5UVfKx4xTkMFCDDqspMwa+G9XFQS"
      "Uf3pWPzC6pOHkTSGi0K5nuy0ZBD+reOz/H9QCYqOYwo=\n";
  EXPECT_EQ(note_, one);
  const std::vector<Signer> both = {signer_, next_};
  EXPECT_EQ(SignStart(kStart, both),
            one +
                "\u2014 tongchou/360000/360100 "
                "ori/SKo2THoz9D4ShQjjcSWq3blg/OR2ZVCGildr5Qg5dezu"
                "yTWIsIm6ZmJv+xSdFhEmCac8KmBXnTKWe9i/9tUj+QY=\n");
}

TEST_F(StartTest, SaysWhatWasSigned) {
  const auto opened = OpenStart(note_, signer_.verifier());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(*opened, kStart);
  for (const uint64_t number : {uint64_t{0}, UINT64_MAX}) {
    const Start start = {kOrigin, number, number};
    EXPECT_EQ(*OpenStart(Signed(start, signer_), signer_.verifier()), start);
  }
}

TEST_F(StartTest, EachOfItsKeysOpensIt) {
  const std::vector<Signer> both = {signer_, next_};
  const std::string note = SignStart(kStart, both);
  EXPECT_EQ(*OpenStart(note, signer_.verifier()), kStart);
  EXPECT_EQ(*OpenStart(note, next_.verifier()), kStart);
  const Signer third(kOrigin, KeyOf('e'));
  EXPECT_TRUE(
      absl::IsPermissionDenied(OpenStart(note, third.verifier()).status()));
}

TEST_F(StartTest, NoChangedCharacterIsTaken) {
  for (size_t i = 0; i < text_.size(); ++i) {
    std::string changed = note_;
    changed[i] = changed[i] == '1' ? '2' : '1';
    EXPECT_FALSE(OpenStart(changed, signer_.verifier()).ok()) << i;
  }
  std::string changed = note_;
  changed[text_.find("\n7\n") + 1] = '8';
  EXPECT_TRUE(
      absl::IsDataLoss(OpenStart(changed, signer_.verifier()).status()));
}

TEST_F(StartTest, AnotherKeySignsNothing) {
  for (const Signer& other :
       {Signer(kOrigin, KeyOf('x')), Signer("another", KeyOf('c'))}) {
    const absl::Status status =
        OpenStart(Signed(kStart, other), signer_.verifier()).status();
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  }
  const absl::Status status =
      OpenStart(SignStart(kStart, {}), signer_.verifier()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
}

TEST_F(StartTest, AnotherOriginIsRefused) {
  Start other = kStart;
  other.origin = "tongchou/360000/360200";
  const absl::Status status =
      OpenStart(Signed(other, signer_), signer_.verifier()).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("360200"));
}

// Each line in turn, rightly signed.
TEST_F(StartTest, EveryLineHasItsForm) {
  ASSERT_TRUE(OpenText(text_).ok());
  const std::vector<std::string> lines = absl::StrSplit(text_, '\n');
  ASSERT_EQ(lines.size(), 5u) << "the last is empty";
  const auto expect_refused = [&](size_t line, const std::string& value) {
    std::vector<std::string> changed = lines;
    changed[line] = value;
    const absl::Status status = OpenText(absl::StrJoin(changed, "\n"));
    EXPECT_EQ(absl::IsPermissionDenied(status), line == 1) << status;
    EXPECT_EQ(absl::IsInvalidArgument(status), line != 1) << status;
  };
  expect_refused(0, "tongchou start v2");
  expect_refused(0, "tongchou heartbeat v1");
  expect_refused(1, "");
  for (const size_t number : {2, 3}) {
    for (const char* value :
         {"", "-1", "+1", "01", "1 ", "0x1", "1.5", "18446744073709551616"}) {
      expect_refused(number, value);
    }
  }
  EXPECT_TRUE(absl::IsInvalidArgument(OpenText(text_ + "1\n")));
  for (size_t count = 1; count < 4; ++count) {
    const std::vector<std::string> fewer(lines.begin(), lines.begin() + count);
    EXPECT_TRUE(
        absl::IsInvalidArgument(OpenText(absl::StrJoin(fewer, "\n") + "\n")));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(
      OpenStart("no note", signer_.verifier()).status()));
}

TEST_F(StartTest, NothingElseOfTheKeyIsAStartNorTheReverse) {
  const VerifierKey key = signer_.verifier();
  const std::string head = signer_.Sign(4711, base::Sha256("x"));
  const std::string life = SignHeartbeat({.origin = kOrigin}, signer_);
  const std::string change = StateKeyChange(signer_, next_);
  ASSERT_TRUE(OpenCheckpoint(head, key).ok());
  ASSERT_TRUE(OpenHeartbeat(life, key).ok());
  ASSERT_TRUE(OpenKeyChange(change).ok());
  for (const std::string& other : {head, life, change}) {
    EXPECT_TRUE(absl::IsInvalidArgument(OpenStart(other, key).status()));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(OpenCheckpoint(note_, key).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(OpenHeartbeat(note_, key).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(LogKeys(key).Open(note_).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(OpenKeyChange(note_).status()));

  // Its first line is no origin that a log could have.
  EXPECT_FALSE(IsKeyName(text_.substr(0, text_.find('\n'))));
}

}  // namespace
}  // namespace tongchou::ledger
