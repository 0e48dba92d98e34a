#include "common/base/store_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/file.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::base {
namespace {

using testing::HasSubstr;

constexpr StoreFormat kSecond{"log", 2};

class StoreFormatTest : public testing::Test {
 protected:
  void Say(const std::string& line) {
    ASSERT_TRUE(MakeDirectories(store_).ok());
    ASSERT_TRUE(WriteFileDurably(store_ + "/FORMAT", line).ok());
  }
  std::string Said() const {
    return ReadFile(store_ + "/FORMAT").value_or("nothing");
  }
  void Fill() {
    ASSERT_TRUE(MakeDirectories(store_).ok());
    ASSERT_TRUE(WriteFileDurably(store_ + "/data", "x").ok());
  }
  bool filled() const { return FileExists(store_ + "/data"); }
  absl::Status OpenDerived(std::string_view derived_with, bool anew = false) {
    return OpenDerivedStore(store_, kSecond, derived_with, anew);
  }

  TemporaryDirectory directory_;
  const std::string store_ = directory_.path() + "/a/store";
};

TEST_F(StoreFormatTest, ANewStoreSaysWhatItIs) {
  ASSERT_TRUE(OpenStoreFormat(store_, kSecond).ok());
  EXPECT_EQ(Said(), "tongchou log 2\n");
  EXPECT_TRUE(OpenStoreFormat(store_, kSecond).ok());
}

TEST_F(StoreFormatTest, AnOlderOneStaysWhatItIs) {
  Say("tongchou log 1\n");
  EXPECT_TRUE(OpenStoreFormat(store_, kSecond).ok());
  EXPECT_EQ(Said(), "tongchou log 1\n");
}

TEST_F(StoreFormatTest, OneFromBeforeStoresSaidWhatTheyAreIsOfTheFirst) {
  Fill();
  ASSERT_TRUE(OpenStoreFormat(store_, kSecond).ok());
  EXPECT_EQ(Said(), "tongchou log 1\n");
}

// A crash before the line was whole: nothing else is in there yet.
TEST_F(StoreFormatTest, ANewOneWhoseLineWasNotWrittenIsNew) {
  ASSERT_TRUE(MakeDirectories(store_).ok());
  ASSERT_TRUE(WriteFileDurably(store_ + "/FORMAT.new", "tongch").ok());
  ASSERT_TRUE(OpenStoreFormat(store_, kSecond).ok());
  EXPECT_EQ(Said(), "tongchou log 2\n");
}

TEST_F(StoreFormatTest, TheLineGoesWithACopy) {
  const std::string copy = directory_.path();
  EXPECT_EQ(ReadFormatLine(store_).value(), "");
  EXPECT_TRUE(WriteFormatLine(copy, "").ok());
  EXPECT_FALSE(FileExists(copy + "/FORMAT"));
  EXPECT_TRUE(CheckFormatLine("a copy", "", kSecond).ok());
  Say("tongchou log 2\n");
  const std::string line = ReadFormatLine(store_).value();
  EXPECT_EQ(line, "tongchou log 2");
  EXPECT_TRUE(CheckFormatLine("a copy", line, kSecond).ok());
  ASSERT_TRUE(WriteFormatLine(copy, line).ok());
  EXPECT_EQ(ReadFile(copy + "/FORMAT").value(), Said());
  const absl::Status newer =
      CheckFormatLine("a copy", "tongchou log 3", kSecond);
  EXPECT_EQ(newer.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(newer.message()),
              HasSubstr("a copy: the log has format 3"));
  EXPECT_EQ(CheckFormatLine("a copy", "?", kSecond).code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(StoreFormatTest, LookingChangesNothing) {
  EXPECT_TRUE(CheckStoreFormat(store_, kSecond).ok());
  EXPECT_FALSE(FileExists(store_));
}

TEST_F(StoreFormatTest, ANewerOneIsRefusedAndLeftAlone) {
  Say("tongchou log 3 and-more\n");
  Fill();
  for (const absl::Status& status :
       {CheckStoreFormat(store_, kSecond), OpenStoreFormat(store_, kSecond),
        OpenDerived("a")}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(store_ + ": the log has format 3, this program knows "
                                   "formats up to 2; start the newer release"));
  }
  EXPECT_THAT(std::string(OpenDerived("a").message()),
              HasSubstr("or say --rebuild-state"));
  EXPECT_EQ(Said(), "tongchou log 3 and-more\n");
  EXPECT_TRUE(filled());
}

TEST_F(StoreFormatTest, AnotherStoreIsRefused) {
  Say("tongchou journal 1\n");
  const absl::Status status = OpenStoreFormat(store_, kSecond);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("here lies a journal, not a log"));
}

TEST_F(StoreFormatTest, WhatSaysNothingIsDamaged) {
  for (const char* const line :
       {"", "tongchou", "tongchou log", "tongchou log 0", "tongchou log x",
        "tongchou log 1x", "tongchou log 99999999999", "other log 1", "\xff"}) {
    Say(line);
    const absl::Status status = OpenStoreFormat(store_, kSecond);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << line;
    EXPECT_THAT(std::string(status.message()), HasSubstr("restore")) << line;
    EXPECT_EQ(Said(), line);
  }
}

TEST_F(StoreFormatTest, ADerivedStoreStaysWhereNothingIsNew) {
  ASSERT_TRUE(OpenDerived("a").ok());
  EXPECT_EQ(Said(), "tongchou log 2 a\n");
  Fill();
  EXPECT_TRUE(OpenDerived("a").ok());
  EXPECT_TRUE(filled());
}

TEST_F(StoreFormatTest, ADerivedStoreIsMadeAnewWhereAnythingIs) {
  Fill();  // from before stores said what they are
  ASSERT_TRUE(OpenDerived("a").ok());
  EXPECT_FALSE(filled());
  for (const char* const line : {"tongchou log 1 a\n", "tongchou log 2 b\n"}) {
    Say(line);
    Fill();
    ASSERT_TRUE(OpenDerived("a").ok());
    EXPECT_FALSE(filled());
    EXPECT_EQ(Said(), "tongchou log 2 a\n");
  }
  Fill();
  ASSERT_TRUE(OpenDerived("a", /*anew=*/true).ok());
  EXPECT_FALSE(filled());
}

TEST_F(StoreFormatTest, ANewerOrDamagedDerivedStoreIsMadeAnewOnDemand) {
  for (const char* const line : {"tongchou log 3 a\n", "?"}) {
    Say(line);
    Fill();
    EXPECT_FALSE(OpenDerived("a").ok());
    EXPECT_TRUE(filled());
    ASSERT_TRUE(OpenDerived("a", /*anew=*/true).ok());
    EXPECT_FALSE(filled());
  }
}

}  // namespace
}  // namespace tongchou::base
