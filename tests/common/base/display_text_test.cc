#include "common/base/display_text.h"

#include <gtest/gtest.h>

namespace tongchou::base {
namespace {

TEST(DisplayWidth, WideCharactersCountTwo) {
  EXPECT_EQ(DisplayWidth(""), 0u);
  EXPECT_EQ(DisplayWidth("K1.1"), 4u);
  EXPECT_EQ(DisplayWidth("南昌市"), 6u);
  EXPECT_EQ(DisplayWidth("ＡＢ，。"), 8u);
  EXPECT_EQ(DisplayWidth("𬱖㛃"), 4u);
  EXPECT_EQ(DisplayWidth("阿依古丽·买买提"), 15u);
  EXPECT_EQ(DisplayWidth("—é"), 2u);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1u);
}

TEST(CutToWidth, CutsBetweenCharacters) {
  EXPECT_EQ(CutToWidth("person.csv", 10), "person.csv");
  EXPECT_EQ(CutToWidth("person.csv", 9), "person.c…");
  EXPECT_EQ(CutToWidth("南昌市", 6), "南昌市");
  EXPECT_EQ(CutToWidth("南昌市", 5), "南昌…");
  EXPECT_EQ(CutToWidth("南昌市", 4), "南…");
  EXPECT_EQ(CutToWidth("南昌市", 1), "…");
  EXPECT_EQ(CutToWidth("南昌市", 0), "");
}

TEST(Printable, ControlCharactersCannotDriveTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[2Jb\r\nc\u009bd"), "a?[2Jb??c?d");
  EXPECT_EQ(Printable("南昌 ok"), "南昌 ok");
}

}  // namespace
}  // namespace tongchou::base
