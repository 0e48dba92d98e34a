#include "common/base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/base/sha256.h"

namespace tongchou::base {
namespace {

TEST(File, ReplacesDurablyAndReadsBack) {
  const std::string dir = testing::TempDir() + "/file_test/a/b";
  ASSERT_TRUE(MakeDirectories(dir).ok());
  const std::string path = dir + "/x";
  ASSERT_TRUE(WriteFileDurably(path, "one").ok());
  ASSERT_TRUE(WriteFileDurably(path, "two").ok());
  EXPECT_EQ(ReadFile(path).value(), "two");
  EXPECT_FALSE(FileExists(path + ".new"));
}

TEST(File, PrivateFilesAreForTheOwnerAlone) {
  const std::string path = testing::TempDir() + "/private_key";
  ASSERT_TRUE(WritePrivateFileDurably(path, "secret").ok());
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(File, MissingFileIsNamed) {
  const absl::Status status = ReadFile("/nonexistent/x").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("/nonexistent/x"), absl::string_view::npos);
}

TEST(Sha256, EmptyInput) {
  EXPECT_EQ(HexEncode(Sha256("").view()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

}  // namespace
}  // namespace tongchou::base
