#include "common/ledger/heartbeat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/cosignature.h"
#include "common/ledger/log_keys.h"

namespace tongchou::ledger {
namespace {

using testing::HasSubstr;

constexpr char kOrigin[] = "tongchou/360000/360100";
constexpr int64_t kTimeMax = std::numeric_limits<int64_t>::max();

base::Ed25519PrivateKey KeyOf(char seed) {
  return *base::Ed25519PrivateKey::FromSeed(
      std::string(base::kEd25519SeedBytes, seed));
}

const Heartbeat kHeartbeat = {.origin = kOrigin,
                              .stream_us = 1'764'355'200'000'000,
                              .committed_size = 4711,
                              .applied_size = 4700,
                              .time_us = 1'764'355'474'000'000};

class HeartbeatTest : public testing::Test {
 protected:
  // The note with this text, signed anew.
  std::string Signed(const std::string& text) const {
    return FormatNote({text, {signer_.SignatureOf(text)}});
  }
  absl::Status OpenText(const std::string& text) const {
    return OpenHeartbeat(Signed(text), signer_.verifier()).status();
  }

  const Signer signer_{kOrigin, KeyOf('c')};
  const std::string note_ = SignHeartbeat(kHeartbeat, signer_);
  const std::string text_ = ParseNote(note_)->text;
};

// The signature is also what another implementation of Ed25519 makes.
TEST_F(HeartbeatTest, TheBytes) {
  EXPECT_EQ(note_,
            "tongchou heartbeat v1\n"
            "tongchou/360000/360100\n"
            "1764355200000000\n"
            "4711\n"
            "4700\n"
            "1764355474000000\n"
            "\n"
            "\u2014 tongchou/360000/360100 "
            "mrJQTdxwCuCkrAvb1VvbGggy13xHO5nhe2fPBGYmytj91jEt"
            "5qQIat+sUSzAL8GPwhfTS9EflLQtR9IZ8vwO6N2hCAk=\n");
}

TEST_F(HeartbeatTest, SaysWhatWasSigned) {
  const auto opened = OpenHeartbeat(note_, signer_.verifier());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(*opened, kHeartbeat);
  const Heartbeat greatest = {kOrigin, kTimeMax, UINT64_MAX, UINT64_MAX,
                              kTimeMax};
  EXPECT_EQ(
      *OpenHeartbeat(SignHeartbeat(greatest, signer_), signer_.verifier()),
      greatest);
  const Heartbeat least = {.origin = kOrigin};
  EXPECT_EQ(*OpenHeartbeat(SignHeartbeat(least, signer_), signer_.verifier()),
            least);
}

TEST_F(HeartbeatTest, NoChangedCharacterIsTaken) {
  for (size_t i = 0; i < text_.size(); ++i) {
    std::string changed = note_;
    changed[i] = changed[i] == '1' ? '2' : '1';
    EXPECT_FALSE(OpenHeartbeat(changed, signer_.verifier()).ok()) << i;
  }
  std::string changed = note_;
  changed[text_.find("4711")] = '5';
  EXPECT_TRUE(
      absl::IsDataLoss(OpenHeartbeat(changed, signer_.verifier()).status()));
}

TEST_F(HeartbeatTest, AnotherKeySignsNothing) {
  for (const Signer& other :
       {Signer(kOrigin, KeyOf('x')), Signer("another", KeyOf('c'))}) {
    const absl::Status status =
        OpenHeartbeat(SignHeartbeat(kHeartbeat, other), signer_.verifier())
            .status();
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  }
}

TEST_F(HeartbeatTest, AnotherOriginIsRefused) {
  Heartbeat other = kHeartbeat;
  other.origin = "tongchou/360000/360200";
  const absl::Status status =
      OpenHeartbeat(SignHeartbeat(other, signer_), signer_.verifier()).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("360200"));
}

// Each line in turn, rightly signed.
TEST_F(HeartbeatTest, EveryLineHasItsForm) {
  ASSERT_TRUE(OpenText(text_).ok());
  const std::vector<std::string> lines = absl::StrSplit(text_, '\n');
  ASSERT_EQ(lines.size(), 7u) << "the last is empty";
  const auto expect_refused = [&](size_t line, const std::string& value) {
    std::vector<std::string> changed = lines;
    changed[line] = value;
    const absl::Status status = OpenText(absl::StrJoin(changed, "\n"));
    EXPECT_FALSE(status.ok()) << line << " " << value;
    EXPECT_EQ(absl::IsPermissionDenied(status), line == 1) << status;
    EXPECT_EQ(absl::IsInvalidArgument(status), line != 1) << status;
  };
  expect_refused(0, "tongchou heartbeat v2");
  expect_refused(1, "");
  for (const size_t number : {2, 3, 4, 5}) {
    for (const char* value :
         {"", "-1", "+1", "01", "1 ", "0x1", "1.5", "18446744073709551616"}) {
      expect_refused(number, value);
    }
  }
  for (const size_t time : {2, 5}) {
    expect_refused(time, std::to_string(uint64_t{kTimeMax} + 1));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(OpenText(text_ + "1\n")));
  for (size_t count = 1; count < 6; ++count) {
    const std::vector<std::string> fewer(lines.begin(), lines.begin() + count);
    EXPECT_TRUE(
        absl::IsInvalidArgument(OpenText(absl::StrJoin(fewer, "\n") + "\n")));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(
      OpenHeartbeat("no note", signer_.verifier()).status()));
}

TEST_F(HeartbeatTest, NothingElseOfTheKeyIsAHeartbeatNorTheReverse) {
  const VerifierKey key = signer_.verifier();
  const std::string head = signer_.Sign(4711, base::Sha256("x"));
  ASSERT_TRUE(OpenCheckpoint(head, key).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(OpenHeartbeat(head, key).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(OpenCheckpoint(note_, key).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(LogKeys(key).Open(note_).status()));

  const std::string change =
      StateKeyChange(signer_, Signer(kOrigin, KeyOf('d')));
  ASSERT_TRUE(OpenKeyChange(change).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(OpenHeartbeat(change, key).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(OpenKeyChange(note_).status()));

  // Its first line is no origin that a log could have.
  EXPECT_FALSE(IsKeyName(text_.substr(0, text_.find('\n'))));
}

}  // namespace
}  // namespace tongchou::ledger
