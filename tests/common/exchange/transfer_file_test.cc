#include "common/exchange/transfer_file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "common/base/file.h"
#include "common/base/status.h"
#include "tests/support/temporary_directory.h"
#include "tongchou/v1/exchange.pb.h"

namespace tongchou::exchange {
namespace {

class TransferFileTest : public testing::Test {
 protected:
  std::string path() const { return directory_.path() + "/stick"; }
  std::string Content() const { return base::ReadFile(path()).value(); }
  void Replace(const std::string& content) {
    ASSERT_TRUE(base::WriteFileDurably(path(), content).ok());
  }
  // A heartbeat for each number.
  void Write(const std::vector<uint64_t>& numbers) {
    auto writer = TransferWriter::Create(path(), TransferKind::kExport);
    ASSERT_TRUE(writer.ok()) << writer.status();
    for (const uint64_t number : numbers) {
      v1::Heartbeat message;
      message.set_committed_size(number);
      ASSERT_TRUE((*writer)->Add(message).ok());
    }
    ASSERT_TRUE((*writer)->Finish().ok());
  }
  absl::StatusOr<std::vector<uint64_t>> Read() const {
    ASSIGN_OR_RETURN(const auto reader,
                     TransferReader::Open(path(), TransferKind::kExport));
    std::vector<uint64_t> numbers;
    v1::Heartbeat message;
    while (true) {
      ASSIGN_OR_RETURN(const bool more, reader->Next(&message));
      if (!more) return numbers;
      numbers.push_back(message.committed_size());
    }
  }
  void ExpectDamaged(const std::string& words) const {
    const absl::Status status = Read().status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_NE(base::Message(status).find(words), std::string::npos) << status;
  }

  TemporaryDirectory directory_;
};

TEST_F(TransferFileTest, GivesBackWhatWasWritten) {
  Write({1, 2, 300'000});
  EXPECT_EQ(Read().value(), (std::vector<uint64_t>{1, 2, 300'000}));
  Write({});
  EXPECT_TRUE(Read().value().empty());
  EXPECT_FALSE(base::FileExists(path() + ".new"));
}

TEST_F(TransferFileTest, TheLayoutIsFrozen) {
  Write({7});
  const std::string content = Content();
  const std::string head("TCX1\0\0\0\2\x08\x07\0\0\0\0", 14);
  EXPECT_EQ(content, head + std::string(base::Sha256(head).view()));
}

TEST_F(TransferFileTest, EveryCutAndEveryChangedByteIsFound) {
  Write({1, 2});
  const std::string good = Content();
  for (size_t i = 4; i < good.size(); ++i) {
    Replace(good.substr(0, i));
    ExpectDamaged("was not copied whole");
    std::string changed = good;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    Replace(changed);
    EXPECT_TRUE(absl::IsDataLoss(Read().status())) << i;
  }
  Replace(good + "x");
  ExpectDamaged("its checksum is another");
}

TEST_F(TransferFileTest, AnotherKindOfFileIsNone) {
  Write({1});
  const absl::Status other =
      TransferReader::Open(path(), TransferKind::kAcknowledgement).status();
  EXPECT_TRUE(absl::IsInvalidArgument(other)) << other;
  Replace("TC");
  EXPECT_TRUE(absl::IsInvalidArgument(Read().status()));
  std::filesystem::remove(path());
  EXPECT_TRUE(absl::IsNotFound(Read().status()));
}

TEST_F(TransferFileTest, TheBoundOfAMessage) {
  const auto with_length = [](uint32_t length) {
    std::string content = "TCX1";
    for (int shift = 24; shift >= 0; shift -= 8) {
      content.push_back(static_cast<char>(length >> shift));
    }
    return content;
  };
  Replace(with_length(kTransferMessageBytesMax));
  ExpectDamaged("was not copied whole");
  Replace(with_length(kTransferMessageBytesMax + 1));
  ExpectDamaged("67108865 bytes at byte 8, 67108864 are the most");
}

// What is not finished does not stand in an older file's place.
TEST_F(TransferFileTest, OneThatWasNotFinishedLeavesNothing) {
  Write({1});
  {
    auto writer = TransferWriter::Create(path(), TransferKind::kExport);
    ASSERT_TRUE(writer.ok());
    v1::Heartbeat message;
    message.set_committed_size(2);
    ASSERT_TRUE((*writer)->Add(message).ok());
  }
  EXPECT_EQ(Read().value(), std::vector<uint64_t>{1});
  EXPECT_FALSE(base::FileExists(path() + ".new"));
  const absl::Status nowhere =
      TransferWriter::Create(directory_.path() + "/none/x",
                             TransferKind::kExport)
          .status();
  EXPECT_NE(base::Message(nowhere).find("none/x"), std::string::npos)
      << nowhere;
}

}  // namespace
}  // namespace tongchou::exchange
