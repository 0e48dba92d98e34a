#include "audit/archive.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/base/file.h"
#include "tests/audit/finding_matchers.h"
#include "tests/audit/test_archive.h"

namespace tongchou::audit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Pieces {
  std::vector<std::string> texts;
  absl::StatusOr<uint64_t> bytes;
};

Pieces ReadAll(const std::string& path) {
  Pieces pieces;
  pieces.bytes = ReadPieces(path, [&](std::string_view piece) {
    pieces.texts.emplace_back(piece);
    return absl::OkStatus();
  });
  return pieces;
}

class PieceFileTest : public testing::Test {
 protected:
  // Continues the file behind its whole pieces, as fetch does.
  void Append(const std::vector<std::string>& texts) {
    auto writer = PieceWriter::Open(path_, *ReadAll(path_).bytes);
    ASSERT_TRUE(writer.ok()) << writer.status();
    for (const std::string& text : texts) {
      ASSERT_TRUE(writer->Write(text).ok());
    }
    ASSERT_TRUE(writer->Sync().ok());
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/pieces";
};

TEST_F(PieceFileTest, GivesBackWhatWasWritten) {
  const std::string long_piece(3 << 20, 'x');
  Append({"one", "", long_piece});
  Append({"four"});
  EXPECT_THAT(ReadAll(path_).texts, ElementsAre("one", "", long_piece, "four"));
}

TEST_F(PieceFileTest, AMissingFileHasNoPieces) {
  EXPECT_EQ(*ReadAll(path_).bytes, 0u);
}

TEST_F(PieceFileTest, ATornTailIsDroppedWhenTheFileIsContinued) {
  for (const uint64_t torn : {8u, 9u, 10u, 11u, 12u, 14u}) {
    std::filesystem::remove(path_);
    Append({"one.", "two."});
    std::filesystem::resize_file(path_, torn);
    EXPECT_THAT(ReadAll(path_).texts, ElementsAre("one.")) << torn;
    EXPECT_EQ(*ReadAll(path_).bytes, 8u) << torn;
    Append({"new."});
    EXPECT_THAT(ReadAll(path_).texts, ElementsAre("one.", "new.")) << torn;
  }
}

TEST_F(PieceFileTest, AnImpossibleLengthIsDataLoss) {
  Append({"one"});
  std::ofstream(path_, std::ios::binary | std::ios::app) << "\xff\xff\xff\xff";
  const Pieces pieces = ReadAll(path_);
  EXPECT_TRUE(absl::IsDataLoss(pieces.bytes.status()));
  EXPECT_THAT(pieces.bytes.status().message(), HasSubstr("at byte 7"));
}

TEST_F(PieceFileTest, TheVisitorsErrorEndsTheReading) {
  Append({"one", "two"});
  int visited = 0;
  const auto read = ReadPieces(path_, [&](std::string_view) {
    ++visited;
    return absl::CancelledError("enough");
  });
  EXPECT_TRUE(absl::IsCancelled(read.status()));
  EXPECT_EQ(visited, 1);
}

TEST(ArchiveTest, TheCitiesAreTheFoldersWithSixDigits) {
  TestArchive copy;
  copy.Write();
  std::filesystem::create_directory(copy.path() + "/36010");
  std::filesystem::create_directory(copy.path() + "/36010x");
  EXPECT_THAT(*copy.archive().Cities(), ElementsAre(kNanchang, kJingdezhen));
  const Archive nowhere(copy.PathOf("nowhere"));
  EXPECT_TRUE(absl::IsNotFound(nowhere.Cities().status()));
}

TEST(ArchiveTest, ATornBundleIsMissingUntilTheCopyIsContinued) {
  TestArchive copy;
  copy.Write();
  const std::string path = copy.archive().bundles(kNanchang);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  EXPECT_THAT(FindingsOf(Verify(copy.archive(), copy.policy())),
              ElementsAre(Names("360100 entry 9", "is missing")));
  auto writer = PieceWriter::Open(path, *ReadAll(path).bytes);
  ASSERT_TRUE(writer->Write(copy.nanchang.bundles.back().Encode()).ok());
  ASSERT_TRUE(writer->Sync().ok());
  EXPECT_THAT(FindingsOf(Verify(copy.archive(), copy.policy())), IsEmpty());
}

}  // namespace
}  // namespace tongchou::audit
