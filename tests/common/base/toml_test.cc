#include "common/base/toml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/config.h"

namespace tongchou::base {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string Refusal(const std::string& text) {
  const absl::Status status = ParseToml(text, "a.toml").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_EQ(status.message().find('\n'), absl::string_view::npos) << status;
  return std::string(status.message());
}

std::string Nested(int depth) {
  return "a = " + std::string(depth, '[') + std::string(depth, ']');
}

std::string Dotted(int dots) {
  std::string key = "a";
  for (int i = 0; i < dots; ++i) key += ".a";
  return key;
}

TEST(Toml, SaysFileLineAndWhatToDo) {
  EXPECT_THAT(Refusal("data = \"/srv\ncity = \"x\"\n"),
              StartsWith("a.toml:1: the next token is not a valid string; "
                         "mend this line"));
  EXPECT_THAT(Refusal("a = 1\nb\nc = 2\n"), StartsWith("a.toml:2: "));
  EXPECT_THAT(Refusal("a = 1\na = 2\n"),
              HasSubstr("value (\"a\") already exists"));
  EXPECT_THAT(Refusal("a = 1 b = 2\n"), HasSubstr("invalid line format"));
  EXPECT_THAT(Refusal("[a\nb = 1\n"), StartsWith("a.toml:1: "));
}

// toml11 3.7 read past the end of these.
TEST(Toml, WhatIsNotUtf8IsNotParsed) {
  EXPECT_EQ(Refusal("a = 1\nb = '\xb2\xce\xb1\xa3'\n"),
            "a.toml:2: this is not UTF-8; save it as UTF-8");
  EXPECT_THAT(Refusal("a = '\xff"), HasSubstr("not UTF-8"));
  EXPECT_THAT(Refusal("\xe5\x8f"), HasSubstr("not UTF-8"));
}

// Of 100,000 brackets toml11 took the whole stack, in the node that read them
// as an import profile.
TEST(Toml, NestsOnlySoDeep) {
  EXPECT_TRUE(ParseToml(Nested(kTomlDepthMax), "a.toml").ok());
  EXPECT_THAT(Refusal(Nested(kTomlDepthMax + 1)), HasSubstr("32 deep"));
  EXPECT_THAT(Refusal("\n\n" + Nested(100'000)), StartsWith("a.toml:3: "));
  EXPECT_THAT(Refusal("a = " + std::string(100'000, '{')),
              HasSubstr("32 deep"));
  EXPECT_THAT(Refusal("a = \"]\" # ]\nb = " + Nested(100'000)),
              HasSubstr("32 deep"));
}

TEST(Toml, KeysHaveOnlySoManyParts) {
  EXPECT_TRUE(ParseToml(Dotted(kTomlDepthMax) + " = 1", "a.toml").ok());
  for (const std::string& text :
       {Dotted(kTomlDepthMax + 1) + " = 1", "[" + Dotted(100'000) + "]",
        "a = {" + Dotted(100'000) + " = 1}"}) {
    EXPECT_THAT(Refusal(text), HasSubstr("32 deep"));
  }
}

TEST(Toml, WhatOnlyLooksDeepIsRead) {
  std::string text = "# " + std::string(100, '[') + "\n";
  text += "a = '" + std::string(100, '{') + "'\n";
  text += "b = \"\\\"" + std::string(100, '[') + "\"\n";
  text += "c = '''\n" + std::string(100, '[') + "'''\n";
  text += "d = [" + std::string(100, ' ') + "1.5, 2.5, 3.5]\n";
  for (int i = 0; i < 100; ++i) text += "[[e]]\nf = 1.5\n";
  const auto parsed = ParseToml(text, "a.toml");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->at("e").size(), 100u);
}

TEST(Toml, HasABound) {
  std::string text = "a = 1\n#";
  text.resize(kTomlBytesMax, 'x');
  EXPECT_TRUE(ParseToml(text, "a.toml").ok());
  EXPECT_THAT(Refusal(text + "x"), HasSubstr("4194305 bytes, 4194304"));
}

TEST(Toml, ConfigurationsAreReadByIt) {
  EXPECT_THAT(
      std::string(
          Config::Parse("data = '\xff'", "node.toml").status().message()),
      HasSubstr("node.toml:1: this is not UTF-8"));
}

}  // namespace
}  // namespace tongchou::base
